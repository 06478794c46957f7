"""Sessions and artefacts that are asked for in one turn of the event loop come by one query."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.state.layer import Kept, Layer
from perflab.gateway.state.records import Artefact, SessionRow

MOST = 100  # keys of a query; SQLite takes 32,766 parameters, but one huge query holds up the others
Row = TypeVar("Row")


@runtime_checkable
class ByKeys(Protocol):
    """A state that reads many rows of a kind in one query."""

    async def sessions(self, keys: Sequence[int]) -> dict[int, SessionRow]:
        """Return the sessions that there are, by id."""

    async def artefacts_by_id(self, keys: Sequence[int]) -> dict[int, Artefact]:
        """Return the artefacts that there are, by id."""


class Gatherer(Generic[Row]):
    """Collects keys until the event loop's next turn, then reads them at once (Facebook's DataLoader, 2015).

    No time is waited for company: keys gather while the loop is busy. Who joins is read after it has joined, so that
    no answer is older than the question. A query that fails fails all who wait for it.
    """

    def __init__(self, read: Callable[[Sequence[int]], Awaitable[dict[int, Row]]]) -> None:
        self._read = read
        self._asked: dict[int, asyncio.Future[Row | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.queries = self.rows = 0

    async def get(self, key: int) -> Row | None:
        """Return a row, or None."""
        if not self._asked:
            asyncio.get_running_loop().call_soon(self._send)
        if (future := self._asked.get(key)) is None:
            future = self._asked[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)

    def _send(self) -> None:
        asked, self._asked = self._asked, {}
        keys = list(asked)
        for start in range(0, len(keys), MOST):
            self.queries += 1
            self.rows += len(keys[start : start + MOST])
            part = {key: asked[key] for key in keys[start : start + MOST]}
            task = asyncio.create_task(self._answer(part))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: dict[int, asyncio.Future[Row | None]]) -> None:
        try:
            found = await self._read(tuple(asked))
        except BaseException as error:
            told = error if isinstance(error, Exception) else StateUnavailable("the gateway is stopping")
            for future in asked.values():
                future.set_exception(told)
                future.exception()  # nobody may be left to hear it
            if not isinstance(error, Exception):
                raise
            return
        for key, future in asked.items():
            future.set_result(found.get(key))


class GatheredReads(Layer):
    """Single rows through a gatherer; pages, whose query differs from session to session, as they are.

    A store without SQL (Redis) has no such query and is read as before.
    """

    def __init__(self, below: Kept, by_keys: ByKeys) -> None:
        super().__init__(below)
        self._sessions, self._artefacts = Gatherer(by_keys.sessions), Gatherer(by_keys.artefacts_by_id)

    def counted(self) -> Mapping[str, int]:
        """Return how many queries were sent, and for how many rows."""
        both = self._sessions, self._artefacts
        asked = {"gathered_queries": sum(g.queries for g in both), "gathered_rows": sum(g.rows for g in both)}
        return {**super().counted(), **asked}

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        return await self._sessions.get(session)

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
        return await self._artefacts.get(key)


def build(below: Kept) -> Kept:
    """Return the state whose rows come together, or the state itself where its store cannot do that."""
    return GatheredReads(below, below) if isinstance(below, ByKeys) else below
