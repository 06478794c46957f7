"""What every stand-in process does: listen, say so, flush its log, stop on SIGTERM within a second."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from perflab.errors import PerflabError, UsageError
from perflab.wire.rowlog import RowLog

FLUSH_S = 0.5


def open_log(path: Path) -> RowLog:
    """Open the row log; raises UsageError when it cannot be written."""
    try:
        return RowLog(path, flush_rows=1024)
    except OSError as error:
        raise UsageError(f"log {path} cannot be written: {error.strerror}") from None


def check_port(port: int) -> None:
    """Raise UsageError unless this is a port, or 0 for any."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}", "must be 0 to 65535")


def port_taken(host: str, port: int, error: OSError) -> UsageError:
    """Return the error for a socket that cannot be opened."""
    return UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}", "choose another --port, 0 = any")


async def until_stopped(log: RowLog) -> None:
    """Flush the log every FLUSH_S s until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), FLUSH_S)
        except TimeoutError:
            log.flush()


def announce(url: str) -> None:
    """Say on standard output that the stand-in is ready, and where."""
    print(f"ready {url}", flush=True)


class Serving(Protocol):
    """A stand-in that is set up and listens from `serve` on."""

    async def serve(self) -> None:
        """Serve until SIGTERM."""


def run_command(server_from: Callable[[list[str]], Serving], arguments: list[str] | None) -> int:
    """Run the stand-in that a command line (None: this process's own) asks for; return the exit code."""
    try:
        server = server_from(sys.argv[1:] if arguments is None else arguments)
    except PerflabError as error:
        return _refused(error)
    return run(server.serve)


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run a stand-in on uvloop; return its exit code, and print an error of ours as one line."""
    import uvloop

    async def body() -> None:
        await main()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(body())
    except PerflabError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130
    return 0


def _refused(error: PerflabError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code
