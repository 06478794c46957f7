"""One port for both protocols: a connection's first bytes say which one its client speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

PREFACE_START = b"PRI * HTTP/2.0"


class FirstBytes(asyncio.Protocol):
    """Reads until the protocol is known, then hands the connection over; HTTP/2 is imported by its first client.

    A server with both on a clear port does the same (nginx since 1.25.1). What comes byte by byte is held, at most
    the length of the preface.
    """

    def __init__(self, http1: Callable[[], asyncio.Protocol], http2: Callable[[], asyncio.Protocol]) -> None:
        self._http1, self._http2 = http1, http2
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """Hand the connection over as soon as the first bytes tell."""
        self._held += data
        start = self._held[: len(PREFACE_START)]
        if start != PREFACE_START and PREFACE_START.startswith(start):
            return
        chosen = self._http2() if start == PREFACE_START else self._http1()
        self._transport.set_protocol(chosen)
        chosen.connection_made(self._transport)
        chosen.data_received(self._held)
