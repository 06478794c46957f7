"""Opus of one session, packet by packet, by whichever of the project's codecs: libopus compiled in, or PyAV."""

from __future__ import annotations

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket


class OpusHeard:
    """Packets of a client to PCM; one that cannot be decoded is concealed and counted."""

    def __init__(self, codec: Codec) -> None:
        self._decoder = codec.decoder()
        self.refused = 0

    def process(self, packet: bytes) -> bytes:
        """Return 20 ms of PCM at 16 kHz."""
        try:
            sound = self._decoder.decode(packet)
        except CorruptPacket:
            self.refused += 1
            sound = self._decoder.conceal()
        return bytes(sound.tobytes())

    def reset(self) -> None:
        """A stream of packets has one beginning only."""


class OpusSaid:
    """PCM to packets for a client."""

    def __init__(self, codec: Codec) -> None:
        self._encoder = codec.encoder()

    def process(self, pcm: bytes) -> bytes:
        """Return the packet of 20 ms of PCM at 16 kHz."""
        return b"".join(self._encoder.encode(np.frombuffer(pcm, np.int16)))

    def reset(self) -> None:
        """The client's decoder goes on, so this goes on."""
