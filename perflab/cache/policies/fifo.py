"""FIFO: out goes what came in first, however often it was asked for since.

    on a miss:  while the cache is too full: remove the oldest;  append the object

No queue is kept. The n-th object to enter leaves after a known number of further entries, so an object is in the
cache when the number of its entry is younger than the youngest that left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "FIFO"


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    if trace.sizes is None:
        missed = counted(trace.ids, trace.objects, min(capacity, trace.objects))
        return missed, missed
    found: tuple[int, int] = sized(trace.ids, trace.objects, trace.sizes, capacity)
    return found


@njit(cache=True, nogil=True)
def counted(ids: Any, objects: Any, capacity: Any) -> Any:
    """Simulate with every object counted as one: no eviction is carried out, the branch for a miss is arithmetic."""
    entered = np.full(objects, -capacity, np.int32)
    count = np.int32(0)
    for t in range(ids.size):
        x = ids[t]
        was = entered[x]
        missed = count - was >= capacity
        count += missed
        entered[x] = count if missed else was
    return np.int64(count)


@njit(cache=True, nogil=True)
def sized(ids: Any, objects: Any, sizes: Any, capacity: Any) -> Any:
    """Simulate with sizes."""
    entered, held = np.zeros(objects, np.int32), np.empty(ids.size + 1, np.int64)
    count, left, used, missed, missed_bytes = 0, 0, 0, 0, 0
    for t in range(ids.size):
        x = ids[t]
        if entered[x] > left:
            continue
        size = sizes[t]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        while used + size > capacity:
            left += 1
            used -= held[left]
        count += 1
        entered[x], held[count] = count, size
        used += size
    return missed, missed_bytes
