"""AAC-LC by FFmpeg's own encoder: for storage; its frames of 64 ms are too long for a conversation."""

from __future__ import annotations

from perflab.audio.codecs.codec import Codec, Settings
from perflab.audio.codecs.pyav import PyavDecoder, PyavEncoder

RATE_HZ, FRAME = 16_000, 1024
BEHIND = 1024  # the overlap of the transform
HELD = 1  # frames: the encoder looks one frame ahead to choose its window
BIT_RATE = 32_000
CONFIG = bytes((0x14, 0x08))  # AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): AAC-LC, 16 kHz, one channel


def _encoder(settings: Settings) -> PyavEncoder:
    return PyavEncoder(CODEC, "aac", sample_format="fltp", bit_rate=settings.bit_rate or BIT_RATE)


def _decoder() -> PyavDecoder:
    return PyavDecoder(CODEC, "aac", extradata=CONFIG)


CODEC = Codec("aac", "AAC-LC", RATE_HZ, FRAME, BEHIND, frozenset({"bit_rate"}), _encoder, _decoder, held=HELD)
CODECS = (CODEC,)
