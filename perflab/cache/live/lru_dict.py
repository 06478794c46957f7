"""lru-dict: one LRU mapping in C."""

from __future__ import annotations

from typing import Any

from perflab.cache.live.interface import replay_mapping as replay

__all__ = ["LIBRARY", "POLICIES", "make", "replay"]
LIBRARY = "lru-dict"
POLICIES = ("LRU",)


def make(policy: str, capacity: int) -> Any:
    """Return an empty cache."""
    from lru import LRU

    return LRU(capacity)
