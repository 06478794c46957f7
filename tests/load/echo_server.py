"""A small WebSocket server for tests: answers each message, can ping, and can stop answering for a while.

Prints its port; then, when it stalled, "stall BEGIN_NS END_NS". Run: echo_server.py [--ping] [--delay S]
[--stall AT_S LENGTH_S].
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time

import websockets

parser = argparse.ArgumentParser()
parser.add_argument("--ping", action="store_true")
parser.add_argument("--delay", type=float, default=0.0)
parser.add_argument("--stall", type=float, nargs=2, default=(0.0, 0.0))
options = parser.parse_args()
messages = 0


async def serve(socket: websockets.ServerConnection) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        await answer(socket)


async def answer(socket: websockets.ServerConnection) -> None:
    global messages
    async for message in socket:
        messages += 1
        if options.ping:
            await socket.ping(b"are you there")
        if messages == 1 and options.stall[1]:
            asyncio.get_running_loop().call_later(options.stall[0], stall)
        await asyncio.sleep(options.delay)
        await socket.send(message)


def stall() -> None:
    begin = time.monotonic_ns()
    time.sleep(options.stall[1])  # blocks the loop: nobody is answered
    print("stall", begin, time.monotonic_ns(), flush=True)


async def main() -> None:
    async with websockets.serve(serve, "127.0.0.1", 0, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
