"""G.711, both laws, by the compiled kernel: 64 kbit/s at 8 kHz."""

from __future__ import annotations

from functools import partial

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings, Sound, check_frame, check_packet
from perflab.audio.codecs.gaps import Gaps
from perflab.audio.kernels import g711

RATE_HZ, FRAME = 8_000, 160
TITLES: dict[g711.Law, str] = {"mu": "G.711 mu-law", "a": "G.711 A-law"}


class G711Encoder:
    """One byte per sample."""

    def __init__(self, law: g711.Law) -> None:
        self._law, self._codes = law, np.zeros((1, FRAME), np.uint8)

    def encode(self, pcm: Sound) -> list[bytes]:
        """Return the frame's codes; raises UsageError for another length or dtype."""
        return [g711.encode(check_frame(pcm, BY_LAW[self._law])[None], self._codes, self._law).tobytes()]

    def flush(self) -> list[bytes]:
        """Return nothing: nothing is held back."""
        return []


class G711Decoder:
    """Every byte is a valid code, so that only a wrong length can be found out."""

    def __init__(self, law: g711.Law) -> None:
        self._law, self._gaps = law, Gaps(RATE_HZ, FRAME)

    def decode(self, packet: bytes) -> Sound:
        """Return the samples; raises CorruptPacket for anything but a whole frame."""
        raw = check_packet(packet, BY_LAW[self._law].name)
        if len(raw) != FRAME:
            raise CorruptPacket(f"A packet of G.711 has {len(raw)} bytes", f"{FRAME} bytes", "Conceal the frame")
        codes = np.frombuffer(raw, np.uint8)[None]
        return self._gaps.heard(g711.decode(codes, np.zeros((1, FRAME), np.int16), self._law)[0])

    def conceal(self, following: bytes | None = None) -> Sound:
        """Return a frame that goes on with the last pitch period."""
        return self._gaps.fill()


def _encoder(law: g711.Law, settings: Settings) -> G711Encoder:
    return G711Encoder(law)


BY_LAW = {
    law: Codec(f"g711-{law}", title, RATE_HZ, FRAME, 0, frozenset(), partial(_encoder, law), partial(G711Decoder, law))
    for law, title in TITLES.items()
}
CODECS = tuple(BY_LAW.values())
