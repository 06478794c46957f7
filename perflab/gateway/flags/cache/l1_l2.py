"""Both levels: what the process has costs no hop, what another worker has costs no query."""

from __future__ import annotations

from perflab.gateway.flags.cache._build import cached
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.memory import MemoryLevel
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import SharedLevel
from perflab.gateway.state.layer import Kept


def build(below: Kept, settings: CacheSettings) -> CachedState:
    """Return the state behind both levels; an entry's age is carried from one to the other."""
    counts = Counts()
    memory = MemoryLevel(settings.entries, settings.memory_bytes, settings.ttl_s)
    return cached(below, Levels(counts, memory, SharedLevel(settings, counts)), settings)
