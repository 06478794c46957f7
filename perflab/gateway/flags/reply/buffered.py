"""Hold the reply until it is complete, then send it: the request-and-response habit."""

from __future__ import annotations

import logging

from perflab.gateway.flags.reply import Send
from perflab.gateway.session.turn import Turn
from perflab.wire.frame import FrameType

log = logging.getLogger("perflab.gateway.reply")


class BufferedReply:
    """Holds at most `limit` bytes; a longer reply is sent as far as it has come."""

    def __init__(self, send: Send, limit: int) -> None:
        self._send, self._limit = send, limit
        self._held: list[tuple[Turn, FrameType, bytes]] = []
        self._bytes = 0

    def piece(self, turn: Turn, kind: FrameType, payload: bytes) -> None:
        """Hold a piece."""
        self._held.append((turn, kind, payload))
        self._bytes += len(payload)
        if self._bytes > self._limit:
            log.warning("turn %d: reply of over %d bytes is sent before it is complete", turn.id, self._limit)
            self.complete()

    def complete(self) -> None:
        """Send everything, in order."""
        held, self._held, self._bytes = self._held, [], 0
        for turn, kind, payload in held:
            self._send(turn, kind, payload)

    def drop(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._bytes = 0


def build(send: Send, limit: int) -> BufferedReply:
    """Return the policy."""
    return BufferedReply(send, limit)
