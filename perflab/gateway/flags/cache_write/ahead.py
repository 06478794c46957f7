"""Refresh-ahead: cache-aside, and what is read late in its life is loaded anew before it expires."""

from __future__ import annotations

import asyncio
import logging

from perflab.gateway.flags.invalidation import Invalidation
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.entries import Entry, Key
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept

log = logging.getLogger("perflab.gateway.cache")
AFTER = 0.6  # of the time to live: a read from here on starts a refresh
AT_ONCE = 16


class AheadState(CachedState):
    """No reader of a busy key waits for its expiry: the reader that comes late in its life is answered and starts one.

    One refresh for a key at a time, at most 16 in all. The price is loads that nobody may ever ask for.
    """

    def __init__(self, below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> None:
        super().__init__(below, levels, invalidation, settings)
        self._refreshing: dict[Key, asyncio.Task[None]] = {}

    def hit(self, key: Key, entry: Entry, now: float) -> None:
        """Start a refresh for an entry that is old and not being refreshed."""
        if now - entry.began < AFTER * self.settings.ttl_s or key in self._refreshing or not key.changes:
            return
        if len(self._refreshing) < AT_ONCE:
            self._refreshing[key] = asyncio.create_task(self._refresh(key))

    async def _refresh(self, key: Key) -> None:
        try:
            self.counts.refreshes += 1
            await self.load_anew(key)
        except StateUnavailable as error:  # what is cached stays until its time is up
            log.debug("not refreshed: %s", error)
        finally:
            self._refreshing.pop(key, None)

    async def close(self) -> None:
        """End the refreshes, then close."""
        tasks = tuple(self._refreshing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().close()


def build(below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> AheadState:
    """Return the state."""
    return AheadState(below, levels, invalidation, settings)
