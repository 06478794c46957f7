"""functools.lru_cache: Python's own, around the function whose results are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LIBRARY = "functools"
POLICIES = ("LRU",)


def make(policy: str, capacity: int) -> Any:
    """Return a function with an empty cache."""

    @lru_cache(maxsize=capacity)
    def loaded(key: int) -> int:
        return key

    return loaded


def replay(cache: Any, keys: Sequence[int]) -> int:
    """Replay: a call hits or computes."""
    before = cache.cache_info().misses
    deque(map(cache, keys), maxlen=0)
    return int(cache.cache_info().misses - before)
