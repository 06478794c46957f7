"""Flag `cache_write`: what a write does to the cache. A value offers `build(below, levels, invalidation, settings)
-> CachedState`; it does nothing where nothing is cached.
"""

from __future__ import annotations

BASELINE = "aside"
