"""cachebox: caches in Rust, bounded, safe with threads."""

from __future__ import annotations

from typing import Any

from perflab.cache.live.interface import replay_mapping as replay

__all__ = ["LIBRARY", "POLICIES", "make", "replay"]
LIBRARY = "cachebox"
POLICIES = ("LRU", "LFU", "FIFO")


def make(policy: str, capacity: int) -> Any:
    """Return an empty cache."""
    from cachebox import FIFOCache, LFUCache, LRUCache

    return {"LRU": LRUCache, "LFU": LFUCache, "FIFO": FIFOCache}[policy](capacity)


def make_sized(most: int, size: Any) -> Any:
    """Return an empty LRU cache whose entries count as `size(key, value)` and together as `most` at most."""
    from cachebox import LRUCache

    return LRUCache(most, getsizeof=size)
