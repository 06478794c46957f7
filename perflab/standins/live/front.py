"""One TLS port for WebSocket and HTTP: the first line of a connection decides who serves it.

`/ws/...` goes to picows, everything else to aiohttp, by handing the transport over and replaying what was read:
after the hand-over nothing of this module is in the way of a frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from picows import WSListener, WSUpgradeRequest
from picows.picows import (  # type: ignore[attr-defined]  # the protocol class behind ws_create_server
    WSAutoPingStrategy,
    WSProtocol,
)

MAX_FIRST_LINE = 8 * 1024
FIRST_LINE_TIMEOUT_S = 10.0
HANDSHAKE_TIMEOUT_S = 10.0
MAX_CONNECTIONS = 5_000
_log = logging.getLogger("perflab.standins.websocket")
_log.setLevel(logging.CRITICAL)  # picows tells every peer's mistake at length; they are counted in /stats instead


def websocket_protocol(listener_factory: Callable[[WSUpgradeRequest], Any], max_message: int) -> WSProtocol:
    """Return a server-side picows protocol for one connection; pings are left to the listener."""
    return WSProtocol(
        None, None, False, listener_factory, _log, True, HANDSHAKE_TIMEOUT_S,
        False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, False, max_message, None, 4096,
    )  # fmt: skip


class Front(asyncio.Protocol):
    """Reads up to the end of the request line, then hands the connection over; memory and time are bounded."""

    def __init__(
        self,
        listener_factory: Callable[[WSUpgradeRequest], WSListener | Any],
        http_protocol: Callable[[], asyncio.Protocol],
        max_message: int,
    ) -> None:
        self._listener_factory, self._http_protocol, self._max_message = listener_factory, http_protocol, max_message
        self._seen = b""
        self._transport: asyncio.Transport | None = None
        self._timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for the request line."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "set_protocol")
        self._transport = transport  # type: ignore[assignment]
        self._timeout = asyncio.get_running_loop().call_later(FIRST_LINE_TIMEOUT_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left before its request line was whole."""
        self._stop_clock()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Collect the request line and decide."""
        self._seen += data
        line, end, _ = self._seen.partition(b"\r\n")
        if end:
            self._hand_over(line)
        elif len(self._seen) > MAX_FIRST_LINE:
            self._give_up()

    def _hand_over(self, line: bytes) -> None:
        transport = self._transport
        assert transport is not None
        self._stop_clock()
        path = line.split(b" ")[1] if line.count(b" ") >= 2 else b""
        if path.lstrip(b"/").startswith(b"ws/") and path.startswith(b"/"):
            protocol: Any = websocket_protocol(self._listener_factory, self._max_message)
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            replay(protocol, self._seen)
        else:
            protocol = self._http_protocol()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            protocol.data_received(self._seen)
        self._seen, self._transport = b"", None

    def _give_up(self) -> None:
        self._stop_clock()
        if self._transport is not None:
            self._transport.abort()

    def _stop_clock(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None


def replay(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Feed bytes to a buffered protocol as its transport would."""
    start = 0
    while start < len(data):
        buffer = memoryview(protocol.get_buffer(-1))
        size = min(len(buffer), len(data) - start)
        buffer[:size] = data[start : start + size]
        protocol.buffer_updated(size)
        start += size
