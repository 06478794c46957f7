"""Flag `frames`: the form of the client's frames. A value offers `build() -> FrameCodec`."""

from __future__ import annotations

from typing import Any, Protocol

from perflab.wire.frame import Frame

BASELINE = "json64"


class FrameCodec(Protocol):
    """Turns WebSocket messages into frames and back; `binary` says which kind of message comes and goes."""

    binary: bool

    def decode(self, message: Any) -> Frame:
        """Return the frame in a message; raises FrameError."""

    def encode(self, frame: Frame) -> str | bytes:
        """Return the message that carries a frame."""
