"""Put a cached state together: the levels given, the write policy and the invalidation that the flags name."""

from __future__ import annotations

from typing import cast

from perflab.gateway.flags import implementation
from perflab.gateway.state.cached.cached_state import CachedState, Levels
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.layer import Kept


def cached(below: Kept, levels: Levels, settings: CacheSettings) -> CachedState:
    """Return the state behind these levels."""
    invalidation = implementation("invalidation", settings.invalidation).build(levels.shared, settings, levels.counts)
    policy = implementation("cache_write", settings.write)
    return cast(CachedState, policy.build(below, levels, invalidation, settings))
