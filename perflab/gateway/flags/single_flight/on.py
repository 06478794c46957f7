"""Equal reads that meet share one load."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from perflab.gateway.state.layer import Kept, Layer
from perflab.gateway.state.records import Artefact, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn

Answer = TypeVar("Answer")


class SharedReads(Layer):
    """A load is a task of its own: who asks while it runs waits for it, and who goes away does not end it.

    A load that began before a write must not answer who asks after that write was acknowledged: a write lets go of
    the running loads of its session, and the next reader starts a new one. A failure is told to all who waited; it is
    not kept. Weakness: it shares within one process; each of n workers may load once.
    """

    def __init__(self, below: Kept) -> None:
        super().__init__(below)
        self._running: dict[tuple[int, str, int, int], asyncio.Task[Any]] = {}
        self.loads = self.shared = 0

    def counted(self) -> Mapping[str, int]:
        """Return how many loads ran and how many reads shared one."""
        return {**super().counted(), "flights": self.loads, "shared_reads": self.shared}

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        return await self._once((session, "session", 0, 0), self.below.session(session))

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        return list(await self._once((session, "history", before, limit), self.below.history(session, before, limit)))

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        return list(await self._once((session, "artefacts", 0, limit), self.below.artefacts(session, limit)))

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None; no session's write is to let go of it, hence its place under -1."""
        return await self._once((-1, "artefact", key, 0), self.below.artefact(key))

    async def _once(self, key: tuple[int, str, int, int], load: Coroutine[Any, Any, Answer]) -> Answer:
        task = self._running.get(key)
        if task is None:
            self.loads += 1
            task = self._running[key] = asyncio.create_task(load)
            task.add_done_callback(lambda done: self._done(key, done))
        else:
            self.shared += 1
            load.close()
        found: Answer = await asyncio.shield(task)
        return found

    def _done(self, key: tuple[int, str, int, int], task: asyncio.Task[Any]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # told to who waited; when nobody does any more there is nobody to tell

    async def _written(self, session: int | None, write: Awaitable[Answer]) -> Answer:
        try:
            return await write
        finally:
            for key in [key for key in self._running if session is None or key[0] == session]:
                del self._running[key]

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""
        await self._written(session, self.below.open_session(session, user, template))

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self._written(session, self.below.close_session(session))

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed."""
        await self._written(None, self.below.close_sessions(sessions))

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session; who looked for its id before must not be answered for who looks now."""
        row = await self.below.create_session(user, template)
        self._running.pop((row.id, "session", 0, 0), None)
        return row

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn; its artefacts have new ids."""
        await self._written(session, self.below.record_turn(session, turn))

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        key = await self._written(artefact.session, self.below.add_artefact(artefact))
        self._running.pop((-1, "artefact", key, 0), None)
        return key

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""
        await self._written(session, self.below.drop_history(session, keep))

    async def apply(self, changes: Any) -> None:
        """Store several changes at once."""
        sessions = {change.session for change in changes}
        try:
            await super().apply(changes)
        finally:
            for key in [key for key in self._running if key[0] in sessions]:
                del self._running[key]

    async def close(self) -> None:
        """End what runs, then close."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().close()


def build(below: Kept) -> SharedReads:
    """Return the state whose equal reads are shared."""
    return SharedReads(below)
