"""Uvicorn inside the gateway's own event loop, stopped by the gateway and not by signals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

GRACE_S = 1  # how long requests under way may take when the gateway stops


class EmbeddedServer(uvicorn.Server):
    """Leaves the signals to the gateway, which flushes its state before the process ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield


async def serve_until(config: uvicorn.Config, sockets: list[socket.socket], stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish what is under way."""
    server = EmbeddedServer(config)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
