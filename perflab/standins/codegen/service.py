"""What the code generator does with a request, whichever protocol it came by."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from perflab.standins.codegen.answer import generate
from perflab.standins.codegen.requests import (
    BadRequest,
    caller_of,
    caller_of_item,
    parse_batch,
    parse_item,
    parse_request,
)
from perflab.standins.faults import Fault, FaultPlan
from perflab.standins.latency import prompt_think_time_s
from perflab.wire.marks import now_ns
from perflab.wire.rowlog import RowLog

MAX_IN_FLIGHT = 2_000
Key = tuple[int | str, ...]
Read = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with a JSON body; `retry_s` becomes Retry-After; `cut`: nothing is answered, the connection is cut."""

    status: int
    body: bytes = b""
    retry_s: float | None = None
    cut: bool = False


def refusal(code: int, message: str, retry_s: float | None = None) -> Answer:
    """Return the answer to what is not done."""
    return Answer(code, orjson.dumps({"error": {"code": code, "message": message}}), retry_s)


class CodegenService:
    """Think time is keyed by (seed, prompt), faults by the request's turn; counts are exposed at /stats.

    A request is received when all of it is: what its sender takes between head and body is the sender's time, and the
    service does not think meanwhile. Its row's third mark is what it meant to take, a fault's delay with it.
    """

    def __init__(self, profile: str, seed: int, log: RowLog, faults: FaultPlan) -> None:
        self.profile, self.seed, self.log, self.faults = profile, seed, log, faults
        self.counts: Counter[str] = Counter()
        self.ready_ns = now_ns()
        self._in_flight = 0
        self._attempts: Counter[Key] = Counter()
        self._posts = {"/v1/generate": self._one, "/v1/generate_batch": self._batch}

    async def answer(self, method: str, path: str, headers: Mapping[str, str], read: Read) -> Answer:
        """Answer a request; `read` gives its body, or raises what the protocol's reader raises."""
        if method == "GET" and path == "/healthz":
            return Answer(200, b'{"status": "ok"}')
        if method == "GET" and path == "/stats":
            return Answer(200, orjson.dumps(self._stats()))
        if method != "POST" or path not in self._posts:
            return refusal(404, "POST /v1/generate, POST /v1/generate_batch, GET /healthz, GET /stats")
        return await self._admitted(self._posts[path], headers, read)

    def refused(self, answer: Answer, headers: Mapping[str, str]) -> Answer:
        """Count and log a request that the protocol's reader would not read."""
        self.counts["requests"] += 1
        return self._answered(answer, now_ns(), caller_of(headers), "error")

    def _stats(self) -> dict[str, Any]:
        age_s = (now_ns() - self.ready_ns) / 1e9
        return {"counts": dict(self.counts), "faults": dict(self.faults.struck), "age_s": age_s}

    async def _admitted(
        self, work: Callable[[bytes, int, tuple[int, int]], Awaitable[Answer]], headers: Mapping[str, str], read: Read
    ) -> Answer:
        caller = caller_of(headers)
        self.counts["calls"] += 1
        if self._in_flight >= MAX_IN_FLIGHT:
            self.counts["requests"] += 1
            return self._answered(refusal(503, "too many requests in flight", 1.0), now_ns(), caller, "shed")
        self._in_flight += 1
        try:
            body = await read()
            return await work(body, now_ns(), caller)
        finally:
            self._in_flight -= 1

    async def _one(self, body: bytes, rx: int, caller: tuple[int, int]) -> Answer:
        try:
            return await self._work(parse_request(body), len(body), rx, caller)
        except BadRequest as error:
            self.counts["requests"] += 1
            return self._answered(refusal(400, str(error)), rx, caller, "error")

    async def _batch(self, body: bytes, rx: int, caller: tuple[int, int]) -> Answer:
        """Answer a batch when its slowest item is done: a server that batches works on the items side by side.

        Every item has an answer of its own, errors too, and a row of its own; a cut takes all of them.
        """
        try:
            items = parse_batch(body)
        except BadRequest as error:
            self.counts["requests"] += 1
            return self._answered(refusal(400, str(error)), rx, caller, "error")
        self.counts["batches"] += 1
        answers = await asyncio.gather(*(self._item(item, len(body) // len(items), rx) for item in items))
        if any(answer.cut for answer in answers):
            return Answer(0, cut=True)
        return Answer(200, b'{"results":[' + b",".join(answer.body for answer in answers) + b"]}")

    async def _item(self, item: Any, size: int, rx: int) -> Answer:
        try:
            return await self._work(parse_item(item), size, rx, caller_of_item(item))
        except BadRequest as error:
            self.counts["requests"] += 1
            return self._answered(refusal(400, str(error)), rx, caller_of_item(item), "error", size)

    async def _work(self, wanted: tuple[str, str], size: int, rx: int, caller: tuple[int, int]) -> Answer:
        prompt, language = wanted
        self.counts["requests"] += 1
        key = self._opportunity(prompt, caller)
        stall = self._strike("stall", key)
        delay_s = stall.arg / 1000.0 if stall else 0.0
        for code in (429, 503):
            if fault := self._strike(f"rest_{code}", key):
                await asyncio.sleep(delay_s)
                refused = refusal(code, "fault on schedule", fault.arg)
                return self._answered(refused, rx, caller, "error", size, int(delay_s * 1e9))
        if self._strike("reset", key):
            return self._answered(Answer(0, cut=True), rx, caller, "error", size)
        silent = self._strike("silent", key)
        meant_s = prompt_think_time_s(self.profile, self.seed, prompt) + delay_s + (silent.arg if silent else 0.0)
        await asyncio.sleep(meant_s)
        answer = Answer(200, orjson.dumps(generate(prompt, language)))
        return self._answered(answer, rx, caller, "ok", size, int(meant_s * 1e9))

    def _opportunity(self, prompt: str, caller: tuple[int, int]) -> Key:
        """Return what keys a request's faults: its turn, or its prompt where it names none, and which attempt it is.

        Never the order of arrival: two variants whose requests overlap otherwise would meet other faults.
        """
        if not self.faults.faults:
            return ()
        name: Key = caller if any(caller) else (prompt,)
        self._attempts[name] += 1
        return (*name, self._attempts[name])

    def _strike(self, kind: str, key: Key) -> Fault | None:
        return self.faults.strike(kind, (now_ns() - self.ready_ns) / 1e9, *key)

    def _answered(
        self, answer: Answer, rx: int, caller: tuple[int, int], outcome: str, bytes_up: int = 0, meant_ns: int = 0
    ) -> Answer:
        """Write the request's row; tx is the moment at which the answer is handed to the server's writer."""
        tx = now_ns()
        self.counts[f"status_{answer.status}"] += 1
        self.log.append(
            "service", "generate", outcome=outcome, user=caller[0], seq=caller[1], status=answer.status,
            bytes_up=bytes_up, bytes_down=len(answer.body), intended_ns=rx, start_ns=rx, first_ns=tx, end_ns=tx,
            marks=(rx, tx, meant_ns, 0, 0, 0, 0, 0),
        )  # fmt: skip
        return answer
