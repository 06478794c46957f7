"""LFU: out goes what was asked for least often since it entered; among equals, what has been at that count longest.

    on a hit:   move the object from the queue of its count to the end of the next count's queue
    on a miss:  while the cache is too full: remove the first of the lowest count's queue
                append the object to the queue of count 1

Counts are forgotten when an object leaves, as all live caches do. Weakness: what was popular once stays for ever.
Source: Shah, Mitra, Matani, An O(1) Algorithm for Implementing the LFU Cache Eviction Scheme (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "LFU"


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity)
    return found


@njit(cache=True, nogil=True)
def _leave(x: Any, count: Any, after: Any, before: Any, first: Any, last: Any, higher: Any, lower: Any) -> Any:
    """Take object x out of the queue of `count`, and the queue out of the row of queues when it is empty."""
    if before[x] >= 0:
        after[before[x]] = after[x]
    else:
        first[count] = after[x] + 1
    if after[x] >= 0:
        before[after[x]] = before[x]
    else:
        last[count] = before[x] + 1
    if first[count] == 0:
        higher[lower[count]] = higher[count]
        lower[higher[count]] = lower[count]


@njit(cache=True, nogil=True)
def _join(
    x: Any, count: Any, below: Any, after: Any, before: Any, first: Any, last: Any, higher: Any, lower: Any
) -> Any:
    """Append object x to the queue of `count`, which stands after that of `below` in the row of queues."""
    if first[count] == 0:
        higher[count], lower[count] = higher[below], below
        lower[higher[below]] = count
        higher[below] = count
        first[count] = x + 1
        before[x] = -1
    else:
        end = last[count] - 1
        after[end], before[x] = x, end
    after[x] = -1
    last[count] = x + 1


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any) -> Any:
    """Simulate; queues by count are linked in a row that begins and ends at count 0, which has no objects.

    `first` and `last` hold an object's number plus one, so that the untouched zeros of a large array mean none.
    """
    after, before, count = np.empty(objects, np.int32), np.empty(objects, np.int32), np.zeros(objects, np.int32)
    first, last = np.zeros(ids.size + 2, np.int32), np.zeros(ids.size + 2, np.int32)
    higher, lower = np.zeros(ids.size + 2, np.int32), np.zeros(ids.size + 2, np.int32)
    held = np.empty(objects if step else 0, np.int64)
    used, missed, missed_bytes = 0, 0, 0
    for t in range(ids.size):
        x = ids[t]
        if count[x] > 0:
            now = count[x]
            below = lower[now] if after[x] < 0 and before[x] < 0 else now
            _leave(x, now, after, before, first, last, higher, lower)
            _join(x, now + 1, below, after, before, first, last, higher, lower)
            count[x] = now + 1
            continue
        size = sizes[t * step]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        while used + size > capacity:
            lowest = higher[0]
            victim = first[lowest] - 1
            _leave(victim, lowest, after, before, first, last, higher, lower)
            count[victim] = 0
            used -= held[victim] if step else 1
        _join(x, 1, 0, after, before, first, last, higher, lower)
        count[x] = 1
        used += size
        if step:
            held[x] = size
    return missed, missed_bytes
