"""Belady: the optimum that knows the future, to stand beside the contenders; no policy can be it.

    on a hit:   an object that is never asked for again leaves
    on a miss:  never asked for again: pass by
                while the cache is too full and some object inside is needed later than this one: remove the latest
                enter if there is room now, else pass by

Passing by is allowed, because policies with admission (W-TinyLFU) may do it too: a bound must bind them. With every
object counted as one this is the fewest misses possible (Mattson et al., 1970, MIN with bypass). With sizes the
optimum is NP-hard (Chrobak et al., 2012) and this is a good rule, NOT a bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "Belady"


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity)
    return found


@njit(cache=True, nogil=True)
def _next_uses(ids: Any, objects: Any) -> Any:
    """Return for each request when its object is asked for next; ids.size for never."""
    ahead, found = np.full(objects, ids.size, np.int32), np.empty(ids.size, np.int32)
    for t in range(ids.size - 1, -1, -1):
        found[t] = ahead[ids[t]]
        ahead[ids[t]] = t
    return found


@njit(cache=True, nogil=True)
def _sink(heap: Any, count: Any, at: Any) -> None:
    """Let the entry at `at` sink to its place in a heap of `count` with the largest on top."""
    value = heap[at]
    while 2 * at + 1 < count:
        child = 2 * at + 1
        if child + 1 < count and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


@njit(cache=True, nogil=True)
def _without_past(heap: Any, count: Any, now: Any) -> Any:
    """Drop the next uses that have passed and order the rest again; return how many are left."""
    kept = 0
    for at in range(count):
        if heap[at] > now:
            heap[kept] = heap[at]
            kept += 1
    for at in range(kept // 2 - 1, -1, -1):
        _sink(heap, kept, at)
    return kept


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any) -> Any:
    """Simulate with a heap of next uses: such a time names its object, and a time that has passed sinks by itself."""
    later, inside = _next_uses(ids, objects), np.zeros(objects, np.uint8)
    places = objects if step else min(objects, capacity)
    heap, held = np.empty(2 * places + 2, np.int32), np.empty(objects if step else 0, np.int64)
    count, used, missed, missed_bytes, never = 0, 0, 0, 0, ids.size
    for t in range(ids.size):
        x, use = ids[t], later[t]
        if inside[x]:
            if use == never:
                inside[x] = 0
                used -= held[x] if step else 1
                continue
        else:
            size = sizes[t * step]
            missed += 1
            missed_bytes += size
            if size > capacity or use == never:
                continue
            while used + size > capacity and heap[0] > use:
                victim = ids[heap[0]]
                inside[victim] = 0
                used -= held[victim] if step else 1
                count -= 1
                heap[0] = heap[count]
                _sink(heap, count, 0)
            if used + size > capacity:
                continue
            inside[x] = 1
            used += size
            if step:
                held[x] = size
        if count == heap.size:
            count = _without_past(heap, count, t)
        at = count
        count += 1
        while at > 0 and heap[(at - 1) // 2] < use:
            heap[at] = heap[(at - 1) // 2]
            at = (at - 1) // 2
        heap[at] = use
    return missed, missed_bytes
