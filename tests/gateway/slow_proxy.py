"""A TCP proxy that holds back every answer of a server: one that is slow, neither gone nor silent."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from perflab.experiments.strategies.loop_thread import LoopThread

CHUNK = 1 << 16


@dataclass
class SlowProxy:
    """Passes bytes on, each answer `delay_s` later; `answers` counts what came from the server."""

    host: str
    port: int
    delay_s: float = 0.0
    answers: int = 0
    url: str = ""

    async def listen(self) -> int:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(self, client: StreamReader, to_client: StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self.host, self.port)
        ways = [asyncio.create_task(_pass_on(client, to_server)), asyncio.create_task(self._answer(server, to_client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)  # either side has left: so does the other
        finally:
            for way in ways:
                way.cancel()
            to_server.close()
            to_client.close()

    async def _answer(self, server: StreamReader, to_client: StreamWriter) -> None:
        with suppress(OSError):
            while data := await server.read(CHUNK):
                self.answers += 1
                await asyncio.sleep(self.delay_s)
                to_client.write(data)
                await to_client.drain()


async def _pass_on(client: StreamReader, to_server: StreamWriter) -> None:
    with suppress(OSError):
        while data := await client.read(CHUNK):
            to_server.write(data)
            await to_server.drain()


@contextmanager
def slow_proxy(url: str) -> Iterator[SlowProxy]:
    """Listen before the server at `url`; what is set as its delay counts from the next answer on."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    with LoopThread() as loop:  # of its own: a test's loop may be held up, or the gateway be another process
        proxy = SlowProxy(parts.hostname, parts.port)
        place, _, _ = parts.netloc.rpartition(":")
        proxy.url = parts._replace(netloc=f"{place}:{loop.run(proxy.listen())}").geturl()
        yield proxy
