"""The code generator's HTTP server: POST /v1/generate, GET /healthz, GET /stats."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from perflab.standins.codegen.answer import LANGUAGES, generate
from perflab.standins.faults import Fault, FaultPlan
from perflab.standins.latency import prompt_think_time_s
from perflab.standins.process import announce, open_log, port_taken, until_stopped
from perflab.wire.marks import now_ns
from perflab.wire.rowlog import RowLog

MAX_BODY_BYTES = 64 * 1024
MAX_IN_FLIGHT = 2_000
SHUTDOWN_S = 0.2


class BadRequest(ValueError):
    """A request body that is refused with 400; the text says why."""


def parse_request(body: bytes) -> tuple[str, str]:
    """Return (prompt, language) of a request body; raises BadRequest with the reason."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"body is not JSON: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("prompt"), str) or not request["prompt"]:
        raise BadRequest("prompt is required, a non-empty string")
    language = request.get("language", "python")
    if language not in LANGUAGES:
        raise BadRequest(f"language must be one of {', '.join(LANGUAGES)}")
    return request["prompt"], language


def caller_of(headers: Mapping[str, str]) -> tuple[int, int]:
    """Return the session and turn that a request names in its headers, or (0, 0), which no turn has."""
    names = headers.get("X-Session-Id", ""), headers.get("X-Turn-Id", "")
    if not all(name.isascii() and name.isdigit() and len(name) < 10 for name in names):
        return 0, 0
    return int(names[0]), int(names[1])


class CodegenService:
    """Handlers; think time is keyed by (seed, prompt), counts are exposed at /stats."""

    def __init__(self, profile: str, seed: int, log: RowLog, faults: FaultPlan) -> None:
        self.profile, self.seed, self.log, self.faults = profile, seed, log, faults
        self.counts: Counter[str] = Counter()
        self.ready_ns = now_ns()
        self._in_flight = 0

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/v1/generate", self._generate)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response({"counts": dict(self.counts), "faults": dict(self.faults.struck)})

    async def _generate(self, request: web.Request) -> web.Response:
        rx, caller = now_ns(), caller_of(request.headers)
        self.counts["requests"] += 1
        ordinal = self.counts["requests"]
        if self._in_flight >= MAX_IN_FLIGHT:
            return self._answered(_error(503, "too many requests in flight", 1.0), rx, caller, "shed")
        self._in_flight += 1
        try:
            body = await request.read()
            return await self._work(body, rx, ordinal, caller)
        except BadRequest as error:
            return self._answered(_error(400, str(error)), rx, caller, "error")
        except web.HTTPRequestEntityTooLarge:
            return self._answered(_error(413, f"body above {MAX_BODY_BYTES} bytes"), rx, caller, "error")
        finally:
            self._in_flight -= 1

    async def _work(self, body: bytes, rx: int, ordinal: int, caller: tuple[int, int]) -> web.Response:
        prompt, language = parse_request(body)
        for code in (429, 503):
            if fault := self._strike(f"rest_{code}", ordinal):
                return self._answered(_error(code, "fault on schedule", fault.arg), rx, caller, "error", len(body))
        think_s = prompt_think_time_s(self.profile, self.seed, prompt)
        stall = self._strike("stall", ordinal)
        await asyncio.sleep(think_s + (stall.arg / 1000.0 if stall else 0.0))
        response = web.Response(body=orjson.dumps(generate(prompt, language)), content_type="application/json")
        return self._answered(response, rx, caller, "ok", len(body), int(think_s * 1e9))

    def _strike(self, kind: str, ordinal: int) -> Fault | None:
        return self.faults.strike(kind, (now_ns() - self.ready_ns) / 1e9, ordinal)

    def _answered(
        self, response: web.Response, rx: int, caller: tuple[int, int], outcome: str, bytes_up: int = 0,
        think_ns: int = 0,
    ) -> web.Response:  # fmt: skip
        """Write the request's row; tx is the moment at which the answer is handed to the server's writer."""
        tx = now_ns()
        self.counts[f"status_{response.status}"] += 1
        down = response.body if isinstance(response.body, bytes) else b""
        self.log.append(
            "service", "generate", outcome=outcome, user=caller[0], seq=caller[1], status=response.status,
            bytes_up=bytes_up, bytes_down=len(down), intended_ns=rx, start_ns=rx, first_ns=tx, end_ns=tx,
            marks=(rx, tx, think_ns, 0, 0, 0, 0, 0),
        )  # fmt: skip
        return response


def _error(code: int, message: str, retry_s: float | None = None) -> web.Response:
    headers = {"Retry-After": f"{retry_s:g}"} if retry_s is not None else None
    body = json.dumps({"error": {"code": code, "message": message}})
    return web.Response(text=body, status=code, headers=headers, content_type="application/json")


@dataclass(frozen=True, slots=True)
class CodegenServer:
    """What to serve and where; `await serve()` returns after SIGTERM."""

    host: str
    port: int
    log: Path
    profile: str
    seed: int
    faults: tuple[Fault, ...] = ()

    async def serve(self) -> None:
        """Serve until stopped; raises UsageError when port or log cannot be had."""
        with open_log(self.log) as log:
            service = CodegenService(self.profile, self.seed, log, FaultPlan(self.faults, self.seed))
            app: Any = service.application()
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
            await runner.setup()
            try:
                await web.TCPSite(runner, self.host, self.port).start()
            except OSError as error:
                await runner.cleanup()
                raise port_taken(self.host, self.port, error) from None
            service.ready_ns = now_ns()
            announce(f"http://{self.host}:{runner.addresses[0][1]}")
            await until_stopped(log)
            await runner.cleanup()
