"""A cache in the process: no hop and no server, and as many copies as there are workers."""

from __future__ import annotations

from perflab.gateway.flags.cache._build import cached
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.memory import MemoryLevel
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept


def build(below: Kept, settings: CacheSettings) -> CachedState:
    """Return the state behind the level in process."""
    memory = MemoryLevel(settings.entries, settings.memory_bytes, settings.ttl_s)
    return cached(below, Levels(Counts(), memory), settings)
