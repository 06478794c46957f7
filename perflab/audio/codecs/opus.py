"""Opus, one stream at a time: the same libopus and the same compiled loop as the batch, with one session."""

from __future__ import annotations

import contextlib

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings, Sound, check_frame, check_packet
from perflab.audio.codecs.opus_batch import MOST_PACKET_BYTES, OpusBatch
from perflab.audio.kernels.pcm import Pcm

RATE_HZ, FRAME, BEHIND = 16_000, 320, 104  # libopus's lookahead for speech: 6.5 ms
BIT_RATE, COMPLEXITY = 16_000, 5
TAKES = frozenset({"bit_rate", "complexity", "dtx", "fec", "loss_percent"})


class OpusEncoder:
    """One stream to packets of 20 ms."""

    def __init__(self, settings: Settings) -> None:
        self._batch = OpusBatch(1, BIT_RATE, COMPLEXITY)
        self._batch.configure(settings)
        self._packets, self._sizes = np.zeros((1, MOST_PACKET_BYTES), np.uint8), np.zeros(1, np.int32)

    def encode(self, pcm: Sound) -> list[bytes]:
        """Return the packet of this frame; raises UsageError for another length or dtype."""
        size = int(self._batch.encode(check_frame(pcm, CODEC)[None], self._packets, self._sizes)[0])
        return [self._packets[0, :size].tobytes()]

    def flush(self) -> list[bytes]:
        """Return nothing: nothing is held back."""
        return []


class OpusDecoder:
    """Packets of 20 ms to one stream; conceals by itself, and from FEC where the next packet carries it."""

    def __init__(self) -> None:
        self._batch = OpusBatch(1)
        self._packets, self._sizes = np.zeros((1, MOST_PACKET_BYTES), np.uint8), np.zeros(1, np.int32)
        self._out: Pcm = np.zeros((1, FRAME), np.int16)
        self._recover = np.ones(1, np.bool_)
        self._filled = False  # a refused packet's frame is concealed already, and `conceal` hands it out

    def decode(self, packet: bytes) -> Sound:
        """Return the samples; raises CorruptPacket."""
        self._enter(packet)
        result = int(self._batch.decode(self._packets, self._sizes, self._out)[0])
        self._filled = result != 0
        if result:
            raise CorruptPacket(f"A packet of Opus with {len(packet)} bytes: {self._batch.refusal(result)}",
                                "one frame of 20 ms", "Conceal the frame")  # fmt: skip
        return np.array(self._out[0])

    def conceal(self, following: bytes | None = None) -> Sound:
        """Return the lost frame from the FEC of the packet after it, else what libopus makes up.

        A packet after it that cannot be decoded counts as none: it is refused when its own turn comes.
        """
        if self._filled:
            self._filled = False
            return np.array(self._out[0])
        self._sizes[0] = 0
        if following is not None:
            with contextlib.suppress(CorruptPacket):
                self._enter(following)
        self._batch.decode(self._packets, self._sizes, self._out, self._recover)
        return np.array(self._out[0])

    def _enter(self, packet: bytes) -> None:
        raw = check_packet(packet, CODEC.name)
        if len(raw) > MOST_PACKET_BYTES:
            raise CorruptPacket(f"A packet of Opus has {len(raw):,} bytes", f"at most {MOST_PACKET_BYTES:,}",
                                "Conceal the frame")  # fmt: skip
        self._packets[0, : len(raw)], self._sizes[0] = np.frombuffer(raw, np.uint8), len(raw)


CODEC = Codec("opus", "Opus", RATE_HZ, FRAME, BEHIND, TAKES, OpusEncoder, OpusDecoder)
CODECS = (CODEC,)
