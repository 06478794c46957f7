"""LRU: out goes what was not asked for the longest time.

    on a hit:   move the object to the young end
    on a miss:  while the cache is too full: remove the oldest;  put the object at the young end

No list is kept: the trace is the list. An object's place is the time of its last request; a pointer walks along the
trace behind the present, and a request that it passes evicts its object if that was the object's last one. All that
was last asked for before the pointer is out, all after it is in. Each request is passed once, so the cost per request
is constant, and one array is touched instead of a list's three.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "LRU"
_NOTHING = np.empty(0, np.bool_)


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    if trace.sizes is None:
        missed = counted(trace.ids, trace.objects, min(capacity, trace.objects), _NOTHING)
        return missed, missed
    found: tuple[int, int] = sized(trace.ids, trace.objects, trace.sizes, capacity)
    return found


def outcomes(ids: NDArray[np.int32], objects: int, capacity: int) -> NDArray[np.bool_]:
    """Return which requests miss, bool [n], every object counted as one: what a next level is asked for."""
    missed = np.empty(ids.size, np.bool_)
    counted(ids, objects, min(capacity, objects), missed)
    return missed


@njit(cache=True, nogil=True)
def counted(ids: Any, objects: Any, capacity: Any, outcome: Any) -> Any:
    """Simulate with every object counted as one; `outcome` takes each request's miss, or is empty."""
    last = np.full(objects, -1, np.int32)
    oldest, used, missed, told = 0, 0, 0, outcome.size > 0
    for t in range(ids.size):
        x = ids[t]
        absent = last[x] < oldest
        last[x] = t
        if told:
            outcome[t] = absent
        if absent:
            missed += 1
            used += 1
            while used > capacity:
                used -= last[ids[oldest]] == oldest
                oldest += 1
    return missed


@njit(cache=True, nogil=True)
def sized(ids: Any, objects: Any, sizes: Any, capacity: Any) -> Any:
    """Simulate with sizes."""
    last, held = np.full(objects, -1, np.int32), np.empty(objects, np.int64)
    oldest, used, missed, missed_bytes = 0, 0, 0, 0
    for t in range(ids.size):
        x = ids[t]
        if last[x] >= oldest:
            last[x] = t
            continue
        size = sizes[t]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        while used + size > capacity:
            victim = ids[oldest]
            if last[victim] == oldest:
                used -= held[victim]
            oldest += 1
        last[x], held[x] = t, size
        used += size
    return missed, missed_bytes
