"""Pass every piece of the reply on as it comes."""

from __future__ import annotations

from perflab.gateway.flags.reply import Send
from perflab.gateway.session.turn import Turn
from perflab.wire.frame import FrameType


class StreamedReply:
    """Holds nothing."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def piece(self, turn: Turn, kind: FrameType, payload: bytes) -> None:
        """Send a piece."""
        self._send(turn, kind, payload)

    def complete(self) -> None:
        """Everything is sent already."""

    def drop(self) -> None:
        """Nothing is held."""


def build(send: Send, limit: int) -> StreamedReply:
    """Return the policy; nothing is held, so the limit is not used."""
    return StreamedReply(send)
