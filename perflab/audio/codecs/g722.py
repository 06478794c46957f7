"""G.722 by FFmpeg: two sub-bands of ADPCM, 64 kbit/s at 16 kHz, hardly any delay."""

from __future__ import annotations

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings, Sound, check_packet
from perflab.audio.codecs.pyav import PyavDecoder, PyavEncoder

RATE_HZ, FRAME, BEHIND = 16_000, 320, 22  # the filters of both sub-bands


class G722Decoder(PyavDecoder):
    """Every byte is a valid code, so that only a wrong length can be found out."""

    def received(self, packet: bytes) -> Sound:
        """Return the samples; raises CorruptPacket for anything but a whole frame."""
        if len(check_packet(packet, CODEC.name)) != FRAME // 2:
            raise CorruptPacket(f"A packet of {CODEC.name} has {len(packet)} bytes", f"{FRAME // 2} bytes",
                                "Conceal the frame")  # fmt: skip
        return super().received(packet)


def _encoder(settings: Settings) -> PyavEncoder:
    return PyavEncoder(CODEC, "g722")


def _decoder() -> G722Decoder:
    return G722Decoder(CODEC, "g722")


CODEC = Codec("g722", "G.722", RATE_HZ, FRAME, BEHIND, frozenset(), _encoder, _decoder)
CODECS = (CODEC,)
