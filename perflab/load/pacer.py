"""One greenlet that walks the absolute deadlines of all streams: far cheaper than one sleeping greenlet for each."""

from __future__ import annotations

import time
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

import gevent
from gevent.event import Event

BATCH = 64  # after so many sends in a row, readers get their turn even when the pacer is behind


class Paced(Protocol):
    """Something with deadlines."""

    def fire(self, due_ns: int) -> int:
        """Do what is due at `due_ns` and return the next deadline, or 0 for none; must not wait."""
        ...

    def overdue(self, now_ns: int) -> int:
        """Return how many deadlines have passed unserved."""
        ...


class Pacer:
    """Calls `fire` of everything added, in order of deadline; the operating system's timer makes it about 1 ms late."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Paced]] = []
        self._order = count()
        self._sooner = Event()
        self._greenlet: gevent.Greenlet | None = None

    def add(self, due_ns: int, paced: Paced) -> None:
        """Put something on the walk, first due at `due_ns`."""
        if self._heap and due_ns < self._heap[0][0]:
            self._sooner.set()
        heappush(self._heap, (due_ns, next(self._order), paced))
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._walk)

    def stop(self, tolerance_ns: int = 100_000_000) -> int:
        """End the walk; return how many deadlines had passed unserved for longer than the tolerance."""
        until = time.monotonic_ns() - tolerance_ns
        overdue = sum(paced.overdue(until) for _, _, paced in self._heap)
        self._heap.clear()
        return overdue

    def _walk(self) -> None:
        heap = self._heap
        while heap:
            self._sooner.clear()
            for _ in range(BATCH):
                if not heap or heap[0][0] > time.monotonic_ns():
                    break
                due_ns, order, paced = heappop(heap)
                following = paced.fire(due_ns)
                if following:
                    heappush(heap, (following, order, paced))
            left_s = (heap[0][0] - time.monotonic_ns()) / 1e9 if heap else 0.0
            if left_s > 0:
                self._sooner.wait(left_s)
            else:
                gevent.sleep(0)
        self._greenlet = None
