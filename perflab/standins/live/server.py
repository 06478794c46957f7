"""The Live stand-in's server: certificates, one TLS port, scheduled faults, an orderly end."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiofastnet
from aiohttp import web
from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener

from perflab.standins.faults import AT_ONCE, Fault, FaultPlan
from perflab.standins.live.client_messages import MAX_MESSAGE_BYTES
from perflab.standins.live.connection import Connection
from perflab.standins.live.front import MAX_CONNECTIONS, Front
from perflab.standins.live.rest import RestService, key_accepted
from perflab.standins.live.world import LoopClock, Options, World
from perflab.standins.process import announce, open_log, port_taken, until_stopped
from perflab.standins.tls import certificate_names, make_certificates


@dataclass(frozen=True, slots=True)
class LiveServer:
    """What to serve and where; `await serve()` returns after SIGTERM."""

    host: str
    port: int
    cert_dir: Path
    log: Path
    options: Options
    faults: tuple[Fault, ...] = ()
    tls: ssl.SSLContext | None = None  # made already; None = made here

    async def serve(self) -> None:
        """Serve until stopped; ca.pem is there before the port is; raises UsageError if either cannot be had."""
        loop = asyncio.get_running_loop()
        tls = self.tls or make_certificates(self.cert_dir, certificate_names(self.host))
        with open_log(self.log) as log:
            world = World(self.options, LoopClock(loop), log, FaultPlan(self.faults, self.options.seed))
            runner = web.AppRunner(RestService(world).application(), access_log=None, handle_signals=False)
            await runner.setup()
            http: Any = runner.server
            listener = self._listen()
            server = await aiofastnet.create_server(
                loop, lambda: Front(lambda request: accept(world, request), http, MAX_MESSAGE_BYTES),
                sock=listener, ssl=tls, backlog=1024,
            )  # fmt: skip
            gc.freeze()  # what is here stays: later collections need not look at it
            world.ready_ns = world.clock.now_ns()
            timers = schedule(world, loop)
            announce(f"https://{self.host}:{listener.getsockname()[1]}")
            try:
                await until_stopped(log)
            finally:
                server.close()
                for timer in timers:
                    timer.cancel()
                end_all(world)

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
        except OSError as error:
            listener.close()
            raise port_taken(self.host, self.port, error) from None
        listener.setblocking(False)
        return listener


def accept(world: World, request: WSUpgradeRequest) -> Any:
    """Return the listener of a new connection, or the refusal that a fault or the connection limit asks for."""
    world.counts["handshakes"] += 1
    ordinal = world.counts["handshakes"]
    for code in (403, 429, 503):
        if world.faults.strike(f"handshake_{code}", world.elapsed_s(), "handshake", ordinal):
            return _refusal(code)
    if len(world.connections) >= MAX_CONNECTIONS:
        return _refusal(503)
    query = dict(parse_qsl(urlsplit(request.path.decode("latin-1")).query))
    return Connection(world, key_accepted(world, request.headers, query))


def _refusal(code: int) -> WSUpgradeResponseWithListener:
    body = f'{{"error":{{"code":{code},"status":"{HTTPStatus(code).phrase}"}}}}'.encode()
    headers = {"Content-Type": "application/json", "Retry-After": "1"}
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(code, body, headers), None)


def schedule(world: World, loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    """Arrange for the scheduled faults that strike every connection open at their moment."""

    def strike(fault: Fault) -> None:
        for connection in list(world.connections):
            world.faults.struck[fault.kind] += 1
            connection.struck(fault.kind, fault.arg)

    faults = world.faults.scheduled(*AT_ONCE)
    return [loop.call_later(fault.start_s, strike, fault) for fault in faults]


def end_all(world: World) -> None:
    """Write the rows of turns under way as unfinished and cut every connection."""
    for session in list(world.sessions):
        session.end("unfinished")
    for connection in list(world.connections):
        connection.close(1006, "")
