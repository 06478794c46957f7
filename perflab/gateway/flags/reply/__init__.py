"""Flag `reply`: when the reply is passed on. A value offers `build(send, limit) -> ReplyPolicy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from perflab.gateway.session.turn import Turn
from perflab.wire.frame import FrameType

BASELINE = "buffered"
Send = Callable[[Turn, FrameType, bytes], None]


class ReplyPolicy(Protocol):
    """Takes the reply in pieces and decides when they are sent."""

    def piece(self, turn: Turn, kind: FrameType, payload: bytes) -> None:
        """A piece of a turn's reply has come."""

    def complete(self) -> None:
        """The reply is complete: send what is held."""

    def drop(self) -> None:
        """The reply was cut off: forget what is held."""
