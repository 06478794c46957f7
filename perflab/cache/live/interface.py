"""What a library of live caches offers here: a cache per policy, and the loop that a program would write around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Library(Protocol):
    """A module of this package. `make` creates an empty cache; `replay` asks it for each key, and puts what is missing.

    The loop is each library's own idiom, without a common wrapper: a call of Python costs as much as a fast cache.
    """

    LIBRARY: str  # as in its package index
    POLICIES: tuple[str, ...]  # named as the simulator's policies where they are the same

    @staticmethod
    def make(policy: str, capacity: int) -> Any:
        """Return an empty cache of `capacity` objects."""
        ...

    @staticmethod
    def replay(cache: Any, keys: Sequence[int]) -> int:
        """Return how many keys were missing when asked for."""
        ...


def replay_mapping(cache: Any, keys: Sequence[int]) -> int:
    """Replay on a cache that is a mapping: get, and set what is missing (cache-aside)."""
    missed, get = 0, cache.get
    for key in keys:
        if get(key) is None:
            missed += 1
            cache[key] = key
    return missed
