"""PostgreSQL with a replica: writes to the primary, reads by the replica where it has the session's own writes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from perflab.gateway.flags.store import StateUnavailable, StoreSettings, Widen
from perflab.gateway.flags.store._freshness import EVERYONE, Freshness
from perflab.gateway.flags.store._postgres import PostgresStore
from perflab.gateway.flags.store._replica import ReplicaStore
from perflab.gateway.flags.store.postgres import PostgresState
from perflab.gateway.state.changes import Change
from perflab.gateway.state.records import Artefact, HistoryHead, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn

log = logging.getLogger("perflab.gateway.store")
Answer = TypeVar("Answer")


class SplitState(PostgresState):
    """Writes go to the primary; a read goes to the replica unless its session wrote what that has not replayed yet.

    Read-your-writes holds for all clients of this process, by place in the log (see `Freshness`), not by a time. What
    a session did not write itself may be as old as the lag. Degrades: a replica that is away, slow or no replica
    costs the reads that are under way to it their time limits (0.1 s for a connection and 0.25 s for the answer), then
    the primary answers for half a second before one read tries it again; with the primary away the replica goes on
    answering reads and writes are refused.
    """

    def __init__(self, settings: StoreSettings, widen: Widen) -> None:
        primary = PostgresStore(settings)
        super().__init__(primary, widen)
        self._replica_store = ReplicaStore(settings)
        self._primary, self._replica = PostgresState(primary, widen), PostgresState(self._replica_store, widen)
        self._fresh = Freshness(primary, self._replica_store, settings.pending_writes)
        self.reads = {"primary": 0, "replica": 0}  # answered by each

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""
        return f"{self.store.durability}; reads by a replica that has the session's own writes"

    async def close(self) -> None:
        """Let go of both servers."""
        await self._fresh.close()
        await self._replica_store.close()
        await super().close()

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""
        await self._written(session, super().open_session(session, user, template))

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session; nobody knows its id before this returns."""
        row = await super().create_session(user, template)
        self._fresh.wrote(row.id)
        return row

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self._written(session, super().close_session(session))

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed."""
        await self._written(EVERYONE, super().close_sessions(sessions))

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn."""
        await self._written(session, super().record_turn(session, turn))

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        return await self._written(artefact.session, super().add_artefact(artefact))

    async def apply(self, changes: Sequence[Change]) -> None:
        """Store changes in their order as one transaction."""
        try:
            await super().apply(changes)
        finally:
            for session in {change.session for change in changes}:
                self._fresh.wrote(session)

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None; one that the replica does not know is looked for on the primary."""
        return await self._asked(session, lambda side: side.session(session))

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        return await self._asked(session, lambda side: side.history(session, before, limit))

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said, newest first."""
        return await self._asked(session, lambda side: side.heads(session, before, limit))

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""
        await self._written(session, super().drop_history(session, keep))

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        return await self._asked(session, lambda side: side.artefacts(session, limit))

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None; it never changes, so that one which the replica has is the right one."""
        return await self._asked(EVERYONE, lambda side: side.artefact(key))

    async def _written(self, session: int, work: Awaitable[Answer]) -> Answer:
        try:
            return await work
        finally:  # a write that was not acknowledged may stand all the same
            self._fresh.wrote(session)

    async def _asked(self, session: int, ask: Callable[[PostgresState], Awaitable[Answer]]) -> Answer:
        if self._fresh.may_read(session) and self._replica_store.awake():
            try:
                answer = await ask(self._replica)
            except StateUnavailable as error:
                log.debug("read by the primary instead: %s", error)
            else:
                if answer is not None:  # a row that is not there may not have come yet
                    self.reads["replica"] += 1
                    return answer
        self.reads["primary"] += 1
        return await ask(self._primary)


def build(settings: StoreSettings, widen: Widen) -> SplitState:
    """Return the state; nothing is connected before the first access."""
    return SplitState(settings, widen)
