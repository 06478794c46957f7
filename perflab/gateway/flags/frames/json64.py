"""Client frames as JSON text with base64 audio: readable in every browser's developer tools."""

from __future__ import annotations

from perflab.wire.frame import Frame, decode_json64, encode_json64


class Json64Codec:
    """JSON and base64 from the standard library."""

    binary = False

    def decode(self, message: str) -> Frame:
        """Return the frame in a text message."""
        return decode_json64(message)

    def encode(self, frame: Frame) -> str:
        """Return a frame as a text message."""
        return encode_json64(frame)


def build() -> Json64Codec:
    """Return the codec."""
    return Json64Codec()
