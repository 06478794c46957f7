"""Concurrent calls with the same prompt share one."""

from __future__ import annotations

import asyncio
from typing import Any

from perflab.gateway.calls.call import CallRefused, CodeCall, Count, Generate, uncounted


class Shared:
    """One call on its way for each prompt and language; those who ask meanwhile wait for the same answer.

    Right only because equal prompts have equally good answers, whoever asks: the key holds neither tenant nor caller.
    A failure is shared by those who wait for it and by nobody later; a refusal is of the one who led, by a limit of
    its own, so that the others then call for themselves. A caller that is cancelled leaves; the call goes on for the
    others and is cancelled with the last of them.
    """

    def __init__(self, inner: Generate, count: Count = uncounted) -> None:
        self._inner, self._count = inner, count
        self._flying: dict[tuple[str, str], tuple[asyncio.Task[dict[str, Any]], set[object]]] = {}

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the answer of the call that is on its way, or of a new one."""
        key, me = (call.prompt, call.language), object()
        leads = key not in self._flying
        if leads:
            task = asyncio.get_running_loop().create_task(self._run(call))
            self._flying[key] = (task, set())
            task.add_done_callback(lambda done: self._landed(key, done))
        else:
            self._count("shared")
        task, waiting = self._flying[key]
        waiting.add(me)
        try:
            return await asyncio.shield(task)
        except CallRefused:
            if leads:
                raise
            self._count("refusal_not_shared")
        finally:
            waiting.discard(me)
            if not waiting and not task.done():
                self._forget(key, task)  # at once: who asks now must not meet a call that is being cancelled
                task.cancel()
        return await self._inner(call)

    async def _run(self, call: CodeCall) -> dict[str, Any]:
        return await self._inner(call)

    def _landed(self, key: tuple[str, str], task: asyncio.Task[dict[str, Any]]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # told to those who wait; with nobody left it is no error of the loop's

    def _forget(self, key: tuple[str, str], task: asyncio.Task[dict[str, Any]]) -> None:
        if self._flying.get(key, (None,))[0] is task:
            del self._flying[key]
