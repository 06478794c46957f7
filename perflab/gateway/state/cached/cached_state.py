"""The state behind a cache: reads ask the levels in turn, then the store; what a write does is the write policy's."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.entries import Entry, Key
from perflab.gateway.state.layer import Kept, Layer
from perflab.gateway.state.records import Artefact, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.flags.invalidation import Invalidation
    from perflab.gateway.session.turn import Turn
    from perflab.gateway.state.cached.memory import MemoryLevel
    from perflab.gateway.state.cached.settings import CacheSettings
    from perflab.gateway.state.cached.shared import SharedLevel

Answer = TypeVar("Answer")


class Levels:
    """The levels that a value of the flag `cache` has, with what they count."""

    def __init__(self, counts: Counts, memory: MemoryLevel | None = None, shared: SharedLevel | None = None) -> None:
        self.counts, self.memory, self.shared = counts, memory, shared


class CachedState(Layer):
    """Cache-aside: a write goes to the store, then what it made old becomes unreadable, then it is acknowledged.

    Never in the cache: what is not there (an id may be given out any moment), heads, and values that are too large.
    The levels may fail as they like: the store answers then. The store may fail: reads that hit go on being answered.
    """

    def __init__(self, below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> None:
        super().__init__(below)
        self.levels, self.invalidation, self.settings = levels, invalidation, settings
        self.counts = levels.counts

    def open(self) -> None:
        """Get the store ready; a cache server that is away keeps nobody from starting."""
        super().open()
        self.invalidation.open()

    async def close(self) -> None:
        """Close the store first: nothing that was acknowledged may wait for a cache."""
        await super().close()
        await self.invalidation.close()
        if self.levels.shared is not None:
            await self.levels.shared.close()

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        found: SessionRow | None = await self.read(Key("session", session))
        return found

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        return list(await self.read(Key("history", session, before, limit)))

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        return list(await self.read(Key("artefacts", session, 0, limit)))

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
        found: Artefact | None = await self.read(Key("artefact", key))
        return found

    async def read(self, key: Key) -> Any:
        """Return what a key names, from the first level that has it, else from the store.

        The version is taken before anything is looked at: what a write overtakes is kept under a version that nobody
        asks for any more.
        """
        version, now, memory = self.version(key), time.time(), self.levels.memory
        if memory is not None and self.invalidation.local and (entry := memory.get(key, version, now)) is not None:
            self.counts.hit("l1", now - entry.began)
            self.hit(key, entry, now)
            return entry.value
        stamp = None
        if self.levels.shared is not None and (looked := await self.levels.shared.look(key)) is not None:
            stamp = looked.stamp
            if (found := looked.found) is not None:
                if abs((now := time.time()) - found[0]) < self.settings.ttl_s:  # it may have expired on its way here
                    self.counts.hit("l2", now - found[0])
                    entry = Entry(found[1], found[0], version)
                    self._keep(key, entry)
                    self.hit(key, entry, now)
                    return found[1]
                self.counts.faults["expired"] += 1
        self.counts.misses += 1
        return await self.load(key, version, stamp)

    async def load(self, key: Key, version: int, stamp: bytes | None) -> Any:
        """Read a key from the store and keep it under the version and the shared stamp of before."""
        began = time.time()
        self.counts.loads += 1
        value = await self.from_store(key)
        if value is not None:
            await self.put(key, value, began, version, stamp)
        return value

    async def put(self, key: Key, value: Any, began: float, version: int, stamp: bytes | None) -> None:
        """Keep a value in every level; without a stamp the shared one is left out."""
        self._keep(key, Entry(value, began, version))
        if self.levels.shared is not None and stamp is not None:
            await self.levels.shared.put(key, stamp, began, value)

    async def load_anew(self, key: Key) -> Any:
        """Load a key from the store and put it, whatever the cache has."""
        version = self.version(key)
        return await self.load(key, version, await self._stamp(key))

    async def put_new(self, key: Key, value: Any) -> None:
        """Put a value that a write has just made."""
        version, began = self.version(key), time.time()
        await self.put(key, value, began, version, await self._stamp(key))

    async def _stamp(self, key: Key) -> bytes | None:
        """Return the shared version of now, to put a value under; None where there is no shared level to use."""
        looked = await self.levels.shared.look(key) if self.levels.shared is not None else None
        return looked.stamp if looked is not None else None

    async def from_store(self, key: Key) -> Any:
        """Return what a key names from the state below."""
        if key.kind == "session":
            return await self.below.session(key.owner)
        if key.kind == "history":
            return await self.below.history(key.owner, key.before, key.limit)
        if key.kind == "artefacts":
            return await self.below.artefacts(key.owner, key.limit)
        return await self.below.artefact(key.owner)

    def hit(self, key: Key, entry: Entry, now: float) -> None:
        """Do what a policy does when a level has answered; cache-aside does nothing."""

    async def written(self, session: int | None, write: Awaitable[Answer]) -> Answer:
        """Wait for a write to the store, then make what it made old unreadable.

        Also when it failed: a write that was not acknowledged may stand all the same.
        """
        try:
            return await write
        finally:
            await self.invalidation.wrote(session)

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""
        await self.written(session, self.below.open_session(session, user, template))

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session; nobody has read it before."""
        return await self.below.create_session(user, template)

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self.written(session, self.below.close_session(session))

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed; what other gateways hold of other sessions stays."""
        try:
            await self.below.close_sessions(sessions)
        finally:
            for session in sessions:
                await self.invalidation.wrote(session)

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn."""
        await self.written(session, self.below.record_turn(session, turn))

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        return await self.written(artefact.session, self.below.add_artefact(artefact))

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""
        await self.written(session, self.below.drop_history(session, keep))

    def version(self, key: Key) -> int:
        """Return the version that a key's entry must have; what never changes has one."""
        return self.invalidation.version(key.owner) if key.changes else 0

    def _keep(self, key: Key, entry: Entry) -> None:
        if self.levels.memory is not None and not self.levels.memory.put(key, entry):
            self.counts.faults["oversized"] += 1
