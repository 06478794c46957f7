"""What a second thread gains: the same work of two, beside each other and one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals

Work = Callable[[], object]
PAIRS = 15


@dataclass(frozen=True)
class ThreadGain:
    """Two threads against one: `speed` by wall time; `cpu`, CPU time for the same work, 1 when they do not disturb."""

    speed: Interval
    cpu: float


def two_threads(works: Sequence[Work], repeats: int, pairs: int = PAIRS) -> ThreadGain:
    """Return how much faster two threads do two works, `repeats` times each: wall time, in pairs, the median."""

    def repeated(work: Work) -> None:
        for _ in range(repeats):
            work()

    def together() -> None:
        threads = [threading.Thread(target=repeated, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def in_turn() -> None:
        for work in works:
            repeated(work)

    turns, both = np.array([(_clocks(in_turn), _clocks(together)) for _ in range(pairs)]).transpose(1, 2, 0)
    speed = order_statistic_intervals(turns[0] / both[0], (0.5,))[0]
    return ThreadGain(speed, float(np.median(both[1] / turns[1])))


def _clocks(work: Work) -> tuple[float, float]:
    """Return wall and process CPU time of one call in seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu
