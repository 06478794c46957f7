"""The REST side of the service: generateContent, streamGenerateContent as server-sent events, health, statistics."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from typing import Any

import orjson
from aiohttp import web

from perflab.standins.draws import uniform
from perflab.standins.faults import Fault
from perflab.standins.live.client_messages import MalformedMessage, field, items
from perflab.standins.live.voice import reply_text
from perflab.standins.live.world import World

MAX_BODY_BYTES = 4 << 20
SSE_GAP_S = 0.02  # between chunks of a streamed answer
_METHOD = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent)$")
_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT",
           429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}  # fmt: skip


def error_response(code: int, message: str, retry_s: float | None = None) -> web.Response:
    """Return an error in the service's form, with RetryInfo where `retry_s` is given."""
    error: dict[str, Any] = {"code": code, "message": message, "status": _STATUS[code]}
    if retry_s is not None:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_s:g}s"}]
    return web.json_response({"error": error}, status=code)


def key_accepted(world: World, headers: Any, query: Any) -> bool:
    """Return whether a request carries a key that this stand-in takes: header, query or bearer token."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    key = headers.get("x-goog-api-key") or query.get("key") or query.get("access_token") or bearer
    wanted = world.options.api_key
    return key == wanted if wanted else bool(key) and not key.startswith("bad")


class RestService:
    """The handlers; an answer is a function of the request's text, its think time of (seed, text).

    Faults by probability are keyed by text and attempt: by the order of arrival two systems whose requests overlap
    otherwise would meet other faults.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._attempts: Counter[str] = Counter()

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/{path:.*}", self._generate)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _stats(self, _: web.Request) -> web.Response:
        world = self.world
        unseen = sum(session.consumed - session.counted for session in world.sessions)
        body = dict(world.counts)
        body["messages_up"] = body.get("messages_up", 0) + unseen
        body["sessions_open"], body["connections_open"] = len(world.sessions), len(world.connections)
        return web.json_response({"counts": body, "faults": dict(world.faults.struck), "elapsed_s": world.elapsed_s()})

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        method = _METHOD.search(request.path)
        if method is None:
            return error_response(404, f"no such method: {request.path[:80]}")
        if not key_accepted(self.world, request.headers, request.query):
            return error_response(400, "API key not valid. Please pass a valid API key.")
        self.world.counts["rest_requests"] += 1
        try:
            digest = await _prompt_digest(request)
        except MalformedMessage as error:
            return error_response(400, str(error))
        except web.HTTPRequestEntityTooLarge:
            return error_response(413, f"request above {MAX_BODY_BYTES} bytes")
        attempt = self._attempt(digest.hex())
        for code in (429, 503):
            if fault := self._strike(f"rest_{code}", attempt):
                return error_response(code, "fault on schedule", fault.arg)
        await asyncio.sleep(self.world.options.profile.quantile(uniform(self.world.options.seed, "rest", digest.hex())))
        if method.group(2) == "generateContent":
            return _json(_candidate(method.group(1), reply_text(digest), last=True))
        return await self._stream(request, method.group(1), reply_text(digest), attempt)

    async def _stream(
        self, request: web.Request, model: str, text: str, attempt: tuple[str, int]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        words = text.split(" ")
        pieces = [" ".join(words[start : start + 3]) for start in range(0, len(words), 3)]
        cut = self._strike("sse_cut", attempt)
        for index, piece in enumerate(pieces):
            last = index == len(pieces) - 1
            chunk = _candidate(model, piece if last else piece + " ", last)
            await response.write(b"data: " + orjson.dumps(chunk) + b"\r\n\r\n")
            if cut is not None and request.transport is not None:
                request.transport.abort()
                return response
            await asyncio.sleep(SSE_GAP_S)
        await response.write_eof()
        return response

    def _attempt(self, text: str) -> tuple[str, int]:
        if not self.world.faults.faults:
            return text, 0
        self._attempts[text] += 1
        return text, self._attempts[text]

    def _strike(self, kind: str, attempt: tuple[str, int]) -> Fault | None:
        return self.world.faults.strike(kind, self.world.elapsed_s(), "rest", *attempt)


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _candidate(model: str, text: str, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    body: dict[str, Any] = {"candidates": [candidate], "modelVersion": model}
    if last:
        candidate["finishReason"] = "STOP"
        body["usageMetadata"] = {"promptTokenCount": 8, "candidatesTokenCount": 16, "totalTokenCount": 24}
    return body


async def _prompt_digest(request: web.Request) -> bytes:
    """Return SHA-256 of all text parts of the request's contents."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise MalformedMessage(f"Invalid JSON payload received. {error}") from None
    contents = items(body, "contents")
    if not contents:
        raise MalformedMessage("contents is not specified")
    parts = [part for content in contents for part in items(content, "parts")]
    return hashlib.sha256(
        "\n".join(str(field(part, "text") or "") for part in parts).encode("utf-8", "surrogatepass")
    ).digest()
