"""FLAC by FFmpeg, in frames of 20 ms: what lossless costs, and a floor for what a lossy codec must beat."""

from __future__ import annotations

from perflab.audio.codecs.codec import Codec, Settings
from perflab.audio.codecs.pyav import PyavDecoder, PyavEncoder

RATE_HZ, FRAME, COMPLEXITY = 16_000, 320, 5


def _encoder(settings: Settings) -> PyavEncoder:
    effort = COMPLEXITY if settings.complexity is None else settings.complexity
    return PyavEncoder(CODEC, "flac", options={"frame_size": str(FRAME), "compression_level": str(effort)})


def _decoder() -> PyavDecoder:
    return PyavDecoder(CODEC, "flac")


CODEC = Codec("flac", "FLAC", RATE_HZ, FRAME, 0, frozenset({"complexity"}), _encoder, _decoder, lossless=True)
CODECS = (CODEC,)
