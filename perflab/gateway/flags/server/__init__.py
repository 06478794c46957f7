"""Flag `server`: the server stack of the voice socket. A value offers `serve(gateway, sockets, stop)`.

It also names its event loop in `new_event_loop`, because the loop is made before anything is served.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, Protocol

from perflab.gateway.session.turn import Turn
from perflab.wire.frame import Flag, FrameType

BASELINE = "fastapi"


@dataclass(frozen=True, slots=True)
class Sockets:
    """The bound sockets to serve on."""

    voice: socket.socket
    api: socket.socket


class ClientLink(Protocol):
    """One client's WebSocket, as its session sees it; nothing here waits or raises when the client is gone."""

    def control(self, body: dict[str, Any]) -> None:
        """Send a CONTROL frame."""

    def reply(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        """Send a frame of a turn's reply, with the marks as they are when it is handed to the socket."""

    def drop(self, turn: Turn) -> None:
        """Forget what is still held of a turn's reply."""

    def close(self, code: int, reason: str) -> None:
        """Send what is held, then close."""
