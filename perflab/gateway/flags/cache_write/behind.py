"""Write-behind: a write is acknowledged once the cache has it, and stored with others a moment later."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from perflab.gateway.flags.invalidation import Invalidation
from perflab.gateway.flags.store import StateUnavailable, StoreFull
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.entries import Key
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.changes import Change, Closed, Opened, PartlyStored, TurnEnded, apply_changes
from perflab.gateway.state.layer import Kept
from perflab.gateway.state.records import Artefact, SessionRow
from perflab.gateway.state.sessions import now_ms

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn

log = logging.getLogger("perflab.gateway.cache")
BATCH = 500
RETRY_S = 0.25
EPOCH_MS = 1_704_067_200_000  # 2024-01-01


class Ids:
    """Session ids without asking the store: milliseconds, then 12 bits that start at random in each process.

    They stay below 2^53, which JSON's readers hold exactly, until 2093. Weakness: two workers can meet in the same
    millisecond; at 100 sessions/s on each of two workers that happens to about one session in 40,000.
    """

    def __init__(self) -> None:
        self._last, self._low = 0, secrets.randbelow(4096)

    def next(self) -> int:
        """Return the next id; more than 4,096 in a millisecond borrow from the next."""
        self._low = (self._low + 1) % 4096
        self._last = max(now_ms() - EPOCH_MS, self._last + (self._low == 0))
        return self._last << 12 | self._low


class BehindState(CachedState):
    """Sessions that are created, opened or closed and turns that end are queued; a batch is one transaction.

    Declared loss: a crash loses what waits, `linger_s` and one commit long (50 ms by default), longer while the store
    is away: then up to `pending` writes wait here and are tried again, and the next is refused with StoreFull. Ids of
    new sessions are this process' own. A batch whose commit was cut off is sent again: its turns may stand twice.
    A store that takes changes one by one (Redis) is sent only what it has not acknowledged.
    Who reads a session with waiting writes waits until they are stored: in this process no answer is older than an
    acknowledged write. Artefacts are stored at once, for their id is the store's.
    """

    def __init__(self, below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> None:
        super().__init__(below, levels, invalidation, settings)
        self._ids = Ids()
        self._queue: list[Change] = []
        self._waiting: Counter[int] = Counter()
        self._new: set[int] = set()  # sessions that no other worker can have loaded yet
        self._stored = asyncio.Event()
        self._wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""
        return f"acknowledged from the cache, lost by a crash within about {self.settings.linger_s:g} s; then " + (
            super().durability
        )

    def open(self) -> None:
        """Get ready, and start to write."""
        super().open()
        self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Store what waits, for `wait_s` at most, then close."""
        self._closing = True
        self._wanted.set()
        self._hurry.set()
        if self._writer is not None:
            try:
                await asyncio.wait_for(self._writer, self.settings.wait_s)
            except TimeoutError:
                log.error("%d acknowledged writes are lost: the store did not come back", len(self._queue))
        await super().close()

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Queue a session under an id of this process' own, and put its row."""
        now = now_ms()
        row = SessionRow(self._ids.next(), user, template, "open", 0, now, now)
        self._add(Opened(row.id, user, template, now))
        self._new.add(row.id)
        await self.put_new(Key("session", row.id), row)
        return row

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Queue that a session is opened."""
        await self._later(Opened(session, user, template, now_ms()))

    async def close_session(self, session: int) -> None:
        """Queue that a session is closed."""
        await self._later(Closed(session, now_ms()))

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Queue a finished turn."""
        await self._later(TurnEnded(session, turn, now_ms()))

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Store what waits for these sessions, then mark them closed."""
        for session in sessions:
            await self._settled(session)
        await super().close_sessions(sessions)

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact after what its session is waiting for."""
        await self._settled(artefact.session)
        return await super().add_artefact(artefact)

    async def drop_history(self, session: int, keep: int) -> None:
        """Drop rows once the newest ones are stored: what is kept is counted from them."""
        await self._settled(session)
        await super().drop_history(session, keep)

    async def read(self, key: Key) -> Any:
        """Return what a key names; where another worker may have put a page from before a waiting write, after that.

        A session that is not stored yet is in no other worker's hands.
        """
        if key.changes and self.levels.shared is not None and key.owner not in self._new:
            await self._settled(key.owner)
        return await super().read(key)

    async def from_store(self, key: Key) -> Any:
        """Return what a key names, after the session's waiting writes."""
        if key.changes:
            await self._settled(key.owner)
        return await super().from_store(key)

    async def _later(self, change: Change) -> None:
        self._add(change)
        await self.invalidation.wrote(change.session)

    def _add(self, change: Change) -> None:
        if len(self._queue) >= self.settings.pending:
            raise StoreFull(f"{self.settings.pending} writes wait for the store")
        self._queue.append(change)
        self._waiting[change.session] += 1
        self.counts.pending = len(self._queue)
        self._wanted.set()

    async def _settled(self, session: int) -> None:
        """Wait until a session's writes are stored; raises StateUnavailable when that takes too long."""
        deadline = time.monotonic() + self.settings.wait_s
        while session in self._waiting:
            self._hurry.set()
            stored = self._stored
            try:
                await asyncio.wait_for(stored.wait(), max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                raise StateUnavailable(f"session {session} has writes that the store has not taken yet") from None

    async def _write(self) -> None:
        while not (self._closing and not self._queue):
            await self._wanted.wait()
            self._wanted.clear()
            if not self._closing:
                await self._linger()
            while self._queue:
                await self._store(self._queue[:BATCH])

    async def _linger(self) -> None:
        """Wait for company, unless somebody waits to read."""
        try:
            await asyncio.wait_for(self._hurry.wait(), self.settings.linger_s)
        except TimeoutError:
            return
        finally:
            self._hurry.clear()

    async def _store(self, batch: list[Change]) -> None:
        try:
            await apply_changes(self.below, batch)
        except PartlyStored as partly:
            batch = batch[: partly.stored]  # the rest is sent again and, as the first of its batch, says why it failed
        except StateUnavailable as error:
            await self._wait_for_store(error)
            return
        except Exception:  # a write that the store refuses must not hold up those behind it
            log.exception("a batch of %d writes was refused: each is tried by itself", len(batch))
            batch = await self._one_by_one(batch)
        await self._dealt_with(batch)

    async def _dealt_with(self, batch: list[Change]) -> None:
        """Take the first of the queue out of it, and let those go on who wait for them."""
        del self._queue[: len(batch)]
        self.counts.flushed += len(batch)
        self.counts.pending = len(self._queue)
        changes = Counter(change.session for change in batch)
        await self._tell(changes)  # first: who waits for them reads the shared level next
        self._waiting -= changes
        stored, self._stored = self._stored, asyncio.Event()
        stored.set()

    async def _one_by_one(self, batch: list[Change]) -> list[Change]:
        """Store what can be stored of a batch in which the store refuses something, and return what is dealt with.

        One bad write harms no other. Where the store goes away meanwhile, what is left stays queued.
        """
        for number, change in enumerate(batch):
            try:
                await apply_changes(self.below, [change])
            except StateUnavailable as error:
                await self._wait_for_store(error)
                return batch[:number]
            except Exception as error:  # whatever the store says of it, it will say again
                log.error("an acknowledged write of session %d is lost: %s", change.session, error)
        return batch

    async def _wait_for_store(self, error: StateUnavailable) -> None:
        log.warning("%d acknowledged writes wait: %s", len(self._queue), error)
        await asyncio.sleep(RETRY_S)

    async def _tell(self, changes: Counter[int]) -> None:
        """Make old what another worker may have loaded before this batch was stored.

        Of a new session with one change nobody can have loaded anything: it was not there.
        """
        changed = [session for session, count in changes.items() if count > 1 or session not in self._new]
        self._new.difference_update(changes)
        if self.levels.shared is not None:
            for session in changed:
                await self.invalidation.wrote(session)


def build(below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> BehindState:
    """Return the state."""
    return BehindState(below, levels, invalidation, settings)
