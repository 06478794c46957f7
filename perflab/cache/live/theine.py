"""theine: W-TinyLFU whose window adapts, in Rust behind Python: the most hits, at the highest price per operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LIBRARY = "theine"
POLICIES = ("adaptive W-TinyLFU",)


def make(policy: str, capacity: int) -> Any:
    """Return an empty cache."""
    from theine import Cache

    return Cache(capacity)


def replay(cache: Any, keys: Sequence[int]) -> int:
    """Replay: its `get` returns value and whether it was there."""
    missed = 0
    for key in keys:
        if not cache.get(key)[1]:
            missed += 1
            cache.set(key, key)
    return missed
