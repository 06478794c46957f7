"""How locust is told what to run: every user of the plan at once, each then keeps to its own slot.

Locust ticks once a second and mixes classes by a greedy rule, so its own ramps are neither sharp nor the same twice.
Here its users are seats: all are spawned at the start, exactly as many of each class as the plan has slots, and the
slot says when the user comes and goes. Locust's user count is therefore the number of seats, not of active users.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from perflab.load.slots import NS


class SeatDispatcher(Iterator[dict[str, dict[str, int]]]):
    """Locust's user dispatcher for seats: `share` gives (class to seats) of a worker by its index."""

    share: Callable[[int, int], dict[str, int]]
    index_of: Callable[[str], int]
    dispatch_in_progress = False

    def __init__(self, worker_nodes: list[Any], user_classes: list[type[Any]]) -> None:
        self._nodes, self._left = list(worker_nodes), 0

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: Any = None) -> None:
        """Plan one dispatch of everything; the target is the number of seats and needs no ramp."""
        self._left = 1

    def __next__(self) -> dict[str, dict[str, int]]:
        if not self._left:
            raise StopIteration
        self._left = 0
        cls, count = type(self), len(self._nodes)
        return {node.id: cls.share(cls.index_of(node.id), count) for node in self._nodes}

    def add_worker(self, worker_node: Any) -> None:
        """Leave a worker that comes late without seats: the slots have been dealt."""

    def remove_worker(self, worker_node: Any) -> None:
        """Leave the slots of a lost worker unserved: its missing closing record makes the load fail."""


def seats_of(counts: dict[str, int]) -> Callable[[int, int], dict[str, int]]:
    """Return how many seats of each class a worker gets: those whose place in the class is its index modulo workers."""

    def share(index: int, workers: int) -> dict[str, int]:
        return {name: len(range(index, count, workers)) for name, count in counts.items()}

    return share


def plan_over(go_ns: int, length_s: float) -> Callable[[], bool]:
    """Return the master's end: the load's length has passed (workers say earlier when they are drained)."""
    return lambda: time.monotonic_ns() >= go_ns + length_s * NS


def exact_percentile_key(response_time: float) -> float:
    """Replace locust's rounding to two digits: 0.1 ms, so that its own table agrees with the rows."""
    return round(response_time, 1)
