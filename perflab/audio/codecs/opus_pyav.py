"""Opus the plain way, by PyAV: one object per frame and packet, 48 kHz out; the oracle and the peer of the batch."""

from __future__ import annotations

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings, Sound
from perflab.audio.codecs.opus import BEHIND, BIT_RATE, COMPLEXITY, FRAME, RATE_HZ, TAKES
from perflab.audio.codecs.pyav import PyavDecoder, PyavEncoder
from perflab.audio.kernels.resampler import Resampler

DECODED_HZ = 48_000  # FFmpeg's Opus decoders know no other rate
RESAMPLED = 46  # samples at 16 kHz by which the way over 48 kHz lags; as measured: libopus allows for a part of it


class OpusPyavDecoder(PyavDecoder):
    """FFmpeg's wrapper of libopus, brought down from 48 kHz; it offers neither libopus's concealment nor its FEC.

    Nor does PyAV's encoder do DTX: the option is taken and has no effect (PyAV 18.1).
    """

    def __init__(self) -> None:
        super().__init__(CODEC, "libopus", rate_hz=DECODED_HZ)
        self._resampler = Resampler(DECODED_HZ, RATE_HZ, 1)

    def received(self, packet: bytes) -> Sound:
        """Return the samples; raises CorruptPacket for what FFmpeg refuses and for anything but 20 ms."""
        sound, out = super().received(packet), np.zeros((1, FRAME), np.int16)
        if sound.size != self._resampler.frame_in:
            raise CorruptPacket(f"A packet of {CODEC.name} holds {sound.size} samples at {DECODED_HZ:,} Hz",
                                "one frame of 20 ms", "Conceal the frame")  # fmt: skip
        return np.asarray(self._resampler.process(sound[None], out)[0])


def _encoder(settings: Settings) -> PyavEncoder:
    complexity = COMPLEXITY if settings.complexity is None else settings.complexity
    options = {"application": "voip", "vbr": "constrained", "frame_duration": "20", "compression_level": complexity,
               "packet_loss": settings.loss_percent or 0, "fec": int(settings.fec or 0)}  # fmt: skip
    return PyavEncoder(CODEC, "libopus", bit_rate=settings.bit_rate or BIT_RATE,
                       options={name: str(value) for name, value in options.items()})  # fmt: skip


CODEC = Codec(
    "opus-pyav", "Opus by PyAV", RATE_HZ, FRAME, BEHIND + RESAMPLED, TAKES - {"dtx"}, _encoder, OpusPyavDecoder
)
CODECS = (CODEC,)
