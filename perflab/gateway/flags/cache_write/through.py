"""Write-through: a write goes to the store and then into the cache, before it is acknowledged."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any, TypeVar

from perflab.gateway.flags.invalidation import Invalidation
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.entries import Key
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept
from perflab.gateway.state.records import Artefact, SessionRow

log = logging.getLogger("perflab.gateway.cache")
SESSIONS, PAGES = 4_096, 4  # whose readers are remembered, and how many reads of each
Answer = TypeVar("Answer")


class ThroughState(CachedState):
    """Reads after writes hit; the writer pays for it.

    What a write itself knows (a new session's row, an artefact with its id) is put as it is. Pages are the store's to
    make, with ids of its own: those of the session that were read lately, at most four, are loaded and put again.
    Weakness: pages that nobody asks for any more are made anew at each write until they are forgotten.
    """

    def __init__(self, below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> None:
        super().__init__(below, levels, invalidation, settings)
        self._read: OrderedDict[int, OrderedDict[Key, None]] = OrderedDict()

    async def read(self, key: Key) -> Any:
        """Return what a key names, and remember that it was asked for."""
        if key.changes:
            mine = self._read.setdefault(key.owner, OrderedDict())
            self._read.move_to_end(key.owner)
            mine[key] = None
            mine.move_to_end(key)
            if len(mine) > PAGES:
                mine.popitem(last=False)
            if len(self._read) > SESSIONS:
                self._read.popitem(last=False)
        return await super().read(key)

    async def written(self, session: int | None, write: Awaitable[Answer]) -> Answer:
        """Write, make the old unreadable, then put what the session's readers ask for."""
        answer = await super().written(session, write)
        if session is None:
            self._read.clear()
        for key in tuple(self._read.get(session, ())) if session is not None else ():
            try:
                await self.load_anew(key)
            except StateUnavailable as error:  # the write stands: a page that cannot be made now is a miss later
                log.debug("not put after a write: %s", error)
        return answer

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session and put its row."""
        row = await super().create_session(user, template)
        await self.put_new(Key("session", row.id), row)
        return row

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and put it under its id."""
        key = await super().add_artefact(artefact)
        values = {name: getattr(artefact, name) for name in Artefact.__slots__}
        await self.put_new(Key("artefact", key), Artefact(**{**values, "id": key}))
        return key


def build(below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> ThroughState:
    """Return the state."""
    return ThroughState(below, levels, invalidation, settings)
