"""A line echo server that stalls once: prints its port, then "BEGIN_NS END_NS" (CLOCK_MONOTONIC) of the stall.

Run as ``python -m perflab.benches.stall.server AFTER_S LENGTH_S``; the seconds count from the first line received.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time


async def serve(after_s: float, length_s: float) -> None:
    """Echo lines until standard input closes."""
    asked = False

    def stall() -> None:
        begin = time.monotonic_ns()
        time.sleep(length_s)  # blocks the loop: nobody is answered
        print(begin, time.monotonic_ns(), flush=True)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while line := await reader.readline():
            if not asked:
                asked = True
                asyncio.get_running_loop().call_later(after_s, stall)
            writer.write(line)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2])))
