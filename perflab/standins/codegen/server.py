"""The code generator's server: POST /v1/generate and /v1/generate_batch, GET /healthz and /stats; HTTP/1.1 and 2."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from perflab.standins.codegen.front import FirstBytes
from perflab.standins.codegen.http1 import application
from perflab.standins.codegen.service import CodegenService
from perflab.standins.faults import Fault, FaultPlan
from perflab.standins.process import announce, open_log, port_taken, until_stopped
from perflab.wire.marks import now_ns

SHUTDOWN_S = 0.2
STREAMS = 1_000  # of one HTTP/2 connection, as nginx and hypercorn have it; then GOAWAY


@dataclass(frozen=True, slots=True)
class CodegenServer:
    """What to serve and where; `await serve()` returns after SIGTERM."""

    host: str
    port: int
    log: Path
    profile: str
    seed: int
    faults: tuple[Fault, ...] = ()
    streams: int = STREAMS

    async def serve(self) -> None:
        """Serve until stopped; raises UsageError when port or log cannot be had."""
        with open_log(self.log) as log:
            service = CodegenService(self.profile, self.seed, log, FaultPlan(self.faults, self.seed))
            runner: Any = web.AppRunner(
                application(service), access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S
            )
            await runner.setup()

            def http2() -> asyncio.Protocol:
                from perflab.standins.codegen.http2 import Http2Connection

                return Http2Connection(service, self.streams)

            try:
                listening = await asyncio.get_running_loop().create_server(
                    lambda: FirstBytes(runner.server, http2), self.host, self.port, backlog=128
                )
            except OSError as error:
                await runner.cleanup()
                raise port_taken(self.host, self.port, error) from None
            service.ready_ns = now_ns()
            announce(f"http://{self.host}:{listening.sockets[0].getsockname()[1]}")
            await until_stopped(log)
            listening.close()
            await runner.cleanup()
