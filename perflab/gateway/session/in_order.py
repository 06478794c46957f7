"""Things to await, one after another, where nobody can wait: behind a callback, or behind a tick of all sessions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

PENDING = 500  # frames that may wait for an upstream client that has to be awaited: 10 s
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


def in_order(sent: Iterable[Awaitable[None] | None]) -> Awaitable[None] | None:
    """Return one thing to await for several, of which those that are None are done already."""
    waiting = [one for one in sent if one is not None]
    return _await_all(waiting) if len(waiting) > 1 else waiting[0] if waiting else None


async def _await_all(waiting: list[Awaitable[None]]) -> None:
    for one in waiting:
        await one


class InOrder:
    """Awaits one session's sends in the order in which they were given."""

    def __init__(self, spawn: Spawn, fail: Callable[[str], None]) -> None:
        self._spawn, self._fail = spawn, fail
        self._pending: deque[Awaitable[None]] = deque()
        self._pump: asyncio.Task[None] | None = None

    def add(self, pending: Awaitable[None]) -> None:
        """Await this after all that was added before; a session that runs too far ahead fails."""
        self._pending.append(pending)
        if len(self._pending) > PENDING:
            self._fail("audio comes faster than Live takes it")
        if self._pump is None or self._pump.done():
            self._pump = self._spawn(self._run())

    async def _run(self) -> None:
        while self._pending:
            await self._pending.popleft()
