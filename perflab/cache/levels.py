"""Two levels: a small cache in each process (L1) before one that all share (L2), as pods before Redis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perflab.cache.policies.lru import outcomes
from perflab.cache.trace import Trace, check_capacity
from perflab.errors import UsageError

Routing = Literal["random", "by key"]
MOST_PODS = 1_000


@dataclass(frozen=True)
class Levels:
    """Where the requests were answered: `l1` in the process, `l2` in the shared cache, `missed` behind both."""

    requests: int
    l1: int
    l2: int
    missed: int

    @property
    def l1_ratio(self) -> float:
        """The share of requests that L1 answered."""
        return self.l1 / self.requests

    @property
    def hit_ratio(self) -> float:
        """The share of requests that either level answered."""
        return 1 - self.missed / self.requests

    def mean_us(self, l1_us: float, l2_us: float, origin_us: float) -> float:
        """Return the mean read time: each level that is asked costs its time, hit or not."""
        return l1_us + (l2_us * (self.l2 + self.missed) + origin_us * self.missed) / self.requests


def two_levels(trace: Trace, pods: int, l1: int, l2: int, routing: Routing = "random", *, seed: int) -> Levels:
    """Simulate `pods` caches of `l1` objects each before a shared one of `l2`, all LRU and empty at the start.

    `routing`: each request goes to a pod at random, as most load balancers send it, or always to the same pod for the
    same key. L2 sees what L1 misses, and only that: its order of use is not the trace's. Nothing expires and nothing is
    written: with writes, L1 adds staleness, which this does not show. `l1` 0: no first level.
    """
    if not 1 <= pods <= MOST_PODS or l1 < 0:
        raise UsageError(f"{pods} pods with {l1} objects each", f"1 to {MOST_PODS} pods, and 0 objects or more")
    check_capacity(l2, "objects")
    asked = (
        np.ones(trace.requests, np.bool_) if l1 == 0 else _first_level(trace, _routed(trace, pods, routing, seed), l1)
    )
    behind = outcomes(trace.ids[asked], trace.objects, l2)
    missed = int(behind.sum())
    return Levels(trace.requests, trace.requests - int(asked.sum()), int(asked.sum()) - missed, missed)


def _first_level(trace: Trace, pod: NDArray[np.int16], capacity: int) -> NDArray[np.bool_]:
    """Return which requests their pod's own cache misses; pods share nothing, so each is simulated alone."""
    missed, order = np.empty(trace.requests, np.bool_), np.argsort(pod, kind="stable")
    ends = np.cumsum(np.bincount(pod))
    for part in np.split(order, ends[:-1]):
        if part.size:
            missed[part] = outcomes(trace.ids[part], trace.objects, capacity)
    return missed


def _routed(trace: Trace, pods: int, routing: Routing, seed: int) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    if routing == "by key":
        return rng.integers(pods, size=trace.objects, dtype=np.int16)[trace.ids]
    return rng.integers(pods, size=trace.requests, dtype=np.int16)
