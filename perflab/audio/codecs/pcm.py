"""PCM: no codec at all, the floor of delay and the ceiling of bits."""

from __future__ import annotations

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings, Sound, check_frame, check_packet
from perflab.audio.codecs.gaps import Gaps

RATE_HZ, FRAME = 16_000, 320


class PcmEncoder:
    """Frames as little-endian bytes."""

    def encode(self, pcm: Sound) -> list[bytes]:
        """Return the frame's bytes; raises UsageError for another length or dtype."""
        return [check_frame(pcm, CODEC).astype("<i2", copy=False).tobytes()]

    def flush(self) -> list[bytes]:
        """Return nothing: nothing is held back."""
        return []


class PcmDecoder:
    """Bytes as samples."""

    def __init__(self) -> None:
        self._gaps = Gaps(RATE_HZ, FRAME)

    def decode(self, packet: bytes) -> Sound:
        """Return the samples; raises CorruptPacket for anything but a whole frame."""
        raw = check_packet(packet, CODEC.name)
        if len(raw) != 2 * FRAME:
            raise CorruptPacket(f"A packet of {CODEC.name} has {len(raw)} bytes", f"{2 * FRAME} bytes",
                                "Conceal the frame")  # fmt: skip
        return self._gaps.heard(np.frombuffer(raw, dtype="<i2").astype(np.int16))

    def conceal(self, following: bytes | None = None) -> Sound:
        """Return a frame that goes on with the last pitch period."""
        return self._gaps.fill()


def _encoder(settings: Settings) -> PcmEncoder:
    return PcmEncoder()


CODEC = Codec("pcm", "PCM, 16 bit at 16 kHz", RATE_HZ, FRAME, 0, frozenset(), _encoder, PcmDecoder, lossless=True)
CODECS = (CODEC,)
