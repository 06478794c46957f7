"""Which sessions a replica may answer for: those whose last write it is known to have replayed."""

from __future__ import annotations

import asyncio
import logging

from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.store._postgres import PostgresStore

log = logging.getLogger("perflab.gateway.store")
EVERYONE = -1
POLL_S, PATIENCE_S = 0.005, 0.25
WRITTEN_TO = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
REPLAYED_TO = """SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint END"""


class Freshness:
    """Keeps sessions with the primary from a write on until the replica has replayed the log up to it.

    One follower asks both servers, for all sessions together, and only while one is kept back: the primary once how
    far its log goes (every write acknowledged before lies below that), then the replica how far it has replayed. A
    write itself waits for nothing. Exact, whatever the lag: a session is let go when its write IS on the replica, not
    after a time in which it should be. At most `limit` sessions are remembered; beyond that all stay with the primary.
    Weakness: it knows the writes of this process only; a session written through another gateway may be read old.
    """

    def __init__(self, primary: PostgresStore, replica: PostgresStore, limit: int) -> None:
        self._primary, self._replica, self._limit = primary, replica, limit
        self._unplaced: dict[int, int] = {}  # session to the number of its last write: place in the log not known yet
        self._placed: dict[int, int] = {}  # session to the place in the log up to which it must be replayed
        self._writes = 0
        self._follower: asyncio.Task[None] | None = None

    def wrote(self, session: int) -> None:
        """Keep a session with the primary; called when a write ends and before it is acknowledged, failed ones too."""
        if len(self._unplaced) + len(self._placed) >= self._limit and session not in self._unplaced:
            self._unplaced, self._placed, session = {}, {}, EVERYONE
        self._writes += 1
        self._unplaced[session] = self._writes
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow())

    def may_read(self, session: int) -> bool:
        """Whether the replica has every write of the session that this process acknowledged."""
        return not (self._unplaced or self._placed) or not any(
            key in known for key in (session, EVERYONE) for known in (self._unplaced, self._placed)
        )

    async def close(self) -> None:
        """Stop following."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def _follow(self) -> None:
        while self._unplaced or self._placed:
            try:
                if self._unplaced:
                    await self._place()
                await self._release()
                pause = POLL_S
            except StateUnavailable as error:
                log.debug("cannot tell how far the replica is: %s", error)
                pause = PATIENCE_S
            if self._unplaced or self._placed:
                await asyncio.sleep(pause)

    async def _place(self) -> None:
        asked = dict(self._unplaced)
        end = int((await self._primary.read(WRITTEN_TO, ()))[0][0])
        for session, write in asked.items():
            self._placed[session] = end
            if self._unplaced.get(session) == write:  # not written again while the primary was asked
                del self._unplaced[session]

    async def _release(self) -> None:
        replayed = (await self._replica.read(REPLAYED_TO, ()))[0][0]
        if replayed is None:
            raise StateUnavailable("what the replica's url names is no replica: it replays nothing")
        for session in [session for session, end in self._placed.items() if end <= replayed]:
            del self._placed[session]
