"""Cache-aside: a write goes to the store and makes what is cached unreadable; the next read loads."""

from __future__ import annotations

from perflab.gateway.flags.invalidation import Invalidation
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept


def build(below: Kept, levels: Levels, invalidation: Invalidation, settings: CacheSettings) -> CachedState:
    """Return the state, which is cache-aside by itself."""
    return CachedState(below, levels, invalidation, settings)
