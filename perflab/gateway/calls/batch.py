"""Calls that come within a few milliseconds go as one request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from perflab.gateway.calls.call import CallWorld, CodeCall, Generate
from perflab.gateway.flags.http_client import HttpCallFailed

LINGER_S = 0.005
MOST = 16
MOST_BYTES = 48 * 1024  # of prompts, as JSON: the generator reads bodies of 64 KiB


class Batched:
    """The first call of a batch waits 5 ms for others; 16 calls or 48 KiB go at once, a call alone goes as it is.

    Every item has a result of its own: one that fails fails its own caller. Price: the wait, and a lost connection
    loses the whole batch, whose slowest item all of them wait for.
    """

    def __init__(self, inner: Generate, world: CallWorld) -> None:
        self._inner, self._world = inner, world
        self._waiting: list[tuple[CodeCall, asyncio.Future[dict[str, Any]]]] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the call's own result; raises HttpCallFailed for its own failure or that of the whole batch."""
        loop, size = asyncio.get_running_loop(), len(json.dumps(call.prompt))
        if self._bytes + size > MOST_BYTES:
            self._send()
        mine: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._waiting.append((call, mine))
        self._bytes += size
        if len(self._waiting) >= MOST:
            self._send()
        elif self._timer is None:
            self._timer = loop.call_later(LINGER_S, self._send)
        return await mine

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        items = [(call, future) for call, future in self._waiting if not future.done()]  # less those that have left
        self._waiting, self._bytes, self._timer = [], 0, None
        if items:
            task = asyncio.get_running_loop().create_task(self._answer(items))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _answer(self, items: list[tuple[CodeCall, asyncio.Future[dict[str, Any]]]]) -> None:
        try:
            if len(items) == 1:
                results: list[Any] = [await self._inner(items[0][0])]
            else:
                results = await self._together([call for call, _ in items])
        except HttpCallFailed as error:
            results = [error] * len(items)
        except Exception as error:  # whatever it is, those who wait must learn of it
            results = [HttpCallFailed(f"{type(error).__name__}: {error}")] * len(items)
        for (_, future), result in zip(items, results, strict=True):
            if future.done():
                continue
            if isinstance(result, HttpCallFailed):
                future.set_exception(result.again())
            else:
                future.set_result(result)

    async def _together(self, calls: list[CodeCall]) -> list[Any]:
        self._world.count("batch")
        body = {"requests": [_item(call) for call in calls]}
        answer = await self._world.client.post(f"{self._world.url}/v1/generate_batch", body, {})
        results = answer.get("results")
        if not isinstance(results, list) or len(results) != len(calls):
            raise HttpCallFailed(f"a batch of {len(calls)} was not answered by as many results")
        return [_result(result) for result in results]


def _item(call: CodeCall) -> dict[str, Any]:
    item: dict[str, Any] = {"prompt": call.prompt, "language": call.language}
    return item | ({"session": call.caller[0], "turn": call.caller[1]} if call.caller else {})


def _result(result: Any) -> dict[str, Any] | HttpCallFailed:
    if isinstance(result, dict) and "error" not in result:
        return result
    error = result.get("error") if isinstance(result, dict) else None
    status = error.get("code") if isinstance(error, dict) else None
    known = status if isinstance(status, int) else 0
    return HttpCallFailed.by_status(known, f"an item of a batch was refused with {known or 'no reason'}")
