"""Run a gateway: ``python -m perflab.gateway --voice-port P --api-port P --codegen-url URL --database FILE``."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys

from perflab.errors import EXIT_OK, PerflabError, UsageError
from perflab.gateway.flags import implementation
from perflab.gateway.flags.server import Sockets
from perflab.gateway.gateway import Gateway
from perflab.gateway.settings import Settings, keep_loopback_direct, read_settings

log = logging.getLogger("perflab.gateway")
STOP_S = 2.0  # from the signal until sessions are cut off


def bind(host: str, port: int, option: str) -> socket.socket:
    """Return a listening socket; raises UsageError when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off on such sockets only: else every answer on a
    # kept connection, written as headers and then body, waits 40 ms for the client's delayed acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(1024)
    except (OSError, OverflowError) as error:
        bound.close()
        raise UsageError(f"{option} {port}: {error}", f"must be a free port of {host}") from None
    return bound


async def serve(settings: Settings, sockets: Sockets) -> None:
    """Serve until SIGTERM or SIGINT, then end sessions, commit what waits, and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(settings)
    gateway.open()
    log.info(
        "voice on ws://%s:%d/voice, API on http://%s:%d, flags %s", settings.host, sockets.voice.getsockname()[1],
        settings.host, sockets.api.getsockname()[1], " ".join(f"{k}={v}" for k, v in settings.flags.items()),
    )  # fmt: skip
    serving = asyncio.create_task(implementation("server", settings.flags["server"]).serve(gateway, sockets, stop))
    signalled = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, signalled}, return_when=asyncio.FIRST_COMPLETED)
    try:
        async with asyncio.timeout(STOP_S):
            await gateway.end_sessions()
            await serving
    except TimeoutError:
        log.warning("sessions were still open after %.1f s; ending anyway", STOP_S)
    finally:
        signalled.cancel()
        await gateway.close()
    log.info("stopped")


def main(arguments: list[str]) -> int:
    """Run the gateway; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        settings = read_settings(arguments)
        keep_loopback_direct()
        sockets = Sockets(
            bind(settings.host, settings.voice_port, "--voice-port"),
            bind(settings.host, settings.api_port, "--api-port"),
        )
        new_event_loop = implementation("server", settings.flags["server"]).new_event_loop
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(settings, sockets))
    except PerflabError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
