"""cachetools: caches in Python, with sizes by a function of one's own."""

from __future__ import annotations

from typing import Any

from perflab.cache.live.interface import replay_mapping as replay

__all__ = ["LIBRARY", "POLICIES", "make", "replay"]
LIBRARY = "cachetools"
POLICIES = ("LRU", "LFU", "FIFO")


def make(policy: str, capacity: int) -> Any:
    """Return an empty cache."""
    from cachetools import FIFOCache, LFUCache, LRUCache

    return {"LRU": LRUCache, "LFU": LFUCache, "FIFO": FIFOCache}[policy](capacity)
