"""A server that takes WebSocket messages and does nothing with them: the generator's ceiling is measured on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Sink(asyncio.Protocol):
    """Answers the handshake and throws away whatever follows, unread."""

    def __init__(self) -> None:
        self._head = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the handshake once its headers are whole."""
        if self._open:
            return
        self._head += data
        if b"\r\n\r\n" not in self._head:
            return
        fields = (line.partition(b":") for line in self._head.split(b"\r\n"))
        key = next((value.strip() for name, _, value in fields if name.lower() == b"sec-websocket-key"), b"")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._open = True


async def serve() -> None:
    """Listen on a free loopback port, print it, and serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
