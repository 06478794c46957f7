"""A cache in Redis: one copy for all workers, and a hop to it for every read."""

from __future__ import annotations

from perflab.gateway.flags.cache._build import cached
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import SharedLevel
from perflab.gateway.state.layer import Kept


def build(below: Kept, settings: CacheSettings) -> CachedState:
    """Return the state behind the shared level."""
    counts = Counts()
    return cached(below, Levels(counts, shared=SharedLevel(settings, counts)), settings)
