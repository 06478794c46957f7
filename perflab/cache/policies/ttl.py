"""TTL: LRU whose objects also leave `ttl_s` seconds after they entered, whether they were asked for or not.

    before each request: remove all that entered at least ttl_s ago
    on a hit:   move the object to the young end; its expiry stays
    on a miss:  while the cache is too full: remove the oldest;  put the object at the young end

The order of expiry is the order of entry, so a second pointer along the trace finds what expires (see `lru`).
Weakness as a model: an expired object is refetched when it is next asked for, nobody refreshes it ahead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.cache.trace import Trace, check_capacity
from perflab.errors import UsageError
from perflab.jit import njit

NAME = "TTL"
_NOTHING = np.empty(0, np.int32)


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`. Raises UsageError without times or a time to live."""
    return _ran(trace, capacity, ttl_s, _NOTHING)


def loads(trace: Trace, capacity: int, ttl_s: float) -> NDArray[np.int32]:
    """Return for each request the one with which its answer was loaded, int32 [n]: itself for a miss.

    The difference of their times is how old the answer is. Raises UsageError as `run` does, and for a capacity below 1.
    """
    found = np.empty(trace.requests, np.int32)
    _ran(trace, check_capacity(capacity, "bytes" if trace.sizes is not None else "objects"), ttl_s, found)
    return found


def _ran(trace: Trace, capacity: int, ttl_s: float, loaded: NDArray[np.int32]) -> tuple[int, int]:
    if trace.times is None:
        raise UsageError(f"Trace {trace.name} has no times", "TTL needs a time for every request")
    if not 0 < ttl_s < math.inf:
        raise UsageError(f"A time to live of {ttl_s:g} s", "a finite number of seconds above 0")
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(
        trace.ids, trace.objects, sizes, step, trace.times, capacity, float(ttl_s), loaded
    )
    return found


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, times: Any, capacity: Any, ttl_s: Any, loaded: Any) -> Any:
    """Simulate; `last`: an object's last request while it is inside, else -1; `entered`: the request it came with.

    `loaded` takes the request with which each answer was loaded, or is empty.
    """
    last, entered = np.full(objects, -1, np.int32), np.full(objects, -1, np.int32)
    held = np.empty(objects if step else 0, np.int64)
    oldest, expiring, used, missed, missed_bytes, told = 0, 0, 0, 0, 0, loaded.size > 0
    for t in range(ids.size):
        while expiring < t and times[t] - times[expiring] >= ttl_s:
            gone = ids[expiring]
            if entered[gone] == expiring and last[gone] >= 0:
                last[gone] = -1
                used -= held[gone] if step else 1
            expiring += 1
        x = ids[t]
        if last[x] >= 0:
            last[x] = t
            if told:
                loaded[t] = entered[x]
            continue
        if told:
            loaded[t] = t
        size = sizes[t * step]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        while used + size > capacity:
            victim = ids[oldest]
            if last[victim] == oldest:
                last[victim] = -1
                used -= held[victim] if step else 1
            oldest += 1
        last[x], entered[x] = t, t
        used += size
        if step:
            held[x] = size
    return missed, missed_bytes
