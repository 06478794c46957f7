"""Cached states in the test's own process, over a real SQLite file and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.cached.cached_state import CachedState
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept, Layer

LAST = 1 << 62


class Yielding(Layer):
    """The state, with so many turns of the event loop before and after each access: interleavings on demand."""

    def __init__(self, below: Kept, turns: Sequence[int] = (0,)) -> None:
        super().__init__(below)
        self.turns, self.reads, self._next = list(turns), 0, 0

    async def _pause(self) -> None:
        self._next += 1
        for _ in range(self.turns[self._next % len(self.turns)]):
            await asyncio.sleep(0)

    async def session(self, session: int) -> Any:
        self.reads += 1
        await self._pause()
        found = await self.below.session(session)
        await self._pause()
        return found

    async def history(self, session: int, before: int, limit: int) -> Any:
        self.reads += 1
        await self._pause()
        found = await self.below.history(session, before, limit)
        await self._pause()
        return found

    async def record_turn(self, session: int, turn: Turn) -> None:
        await self._pause()
        await self.below.record_turn(session, turn)
        await self._pause()

    async def apply(self, changes: Any) -> None:
        await self._pause()
        await super().apply(changes)
        await self._pause()


def sqlite_state(path: Path) -> Any:
    state = implementation("store", "pooled").build(StoreSettings(path, "off"), lambda sql: sql)
    return state


@asynccontextmanager
async def cached_state(
    path: Path,
    cache: str = "l1",
    *,
    turns: Sequence[int] = (0,),
    flight: str = "off",
    loader: str = "off",
    **given: Any,
) -> AsyncIterator[tuple[CachedState, Yielding]]:
    """Yield an opened cached state and the yielding layer between it and its store."""
    below = Yielding(implementation("loader", loader).build(sqlite_state(path)), turns)
    shared = implementation("single_flight", flight).build(below)
    state = implementation("cache", cache).build(shared, CacheSettings(**given))
    state.open()
    try:
        yield state, below
    finally:
        await state.close()


def turn(number: int) -> Turn:
    return Turn(number, heard=[f"question {number}"], said=[f"answer {number}"], outcome="ok")


async def within(seconds: float, holds: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    """Ask until it holds; False when it does not in time."""
    async with asyncio.timeout(seconds + 5):
        for _ in range(int(seconds / 0.02)):
            if await holds():
                return True
            await asyncio.sleep(0.02)
    return False
