"""CLOCK: FIFO with a second chance for what was asked for since the hand last passed.

    on a hit:   mark the object
    on a miss:  while the cache is too full:
                    take the oldest;  marked: unmark it and make it the youngest;  else remove it
                append the object, unmarked

Source: Corbato, A Paging Experiment with the Multics System (1968). One mark, as libCacheSim has by default.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "CLOCK"
OUT, IN, MARKED = 0, 1, 2


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity)
    return found


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any) -> Any:
    """Simulate on a ring of as many places as there can be objects inside, and one byte of state per object."""
    places = objects if step else min(objects, capacity)
    ring, state = np.empty(places, np.int32), np.zeros(objects, np.uint8)
    held = np.empty(objects if step else 0, np.int64)
    head, tail, used, missed, missed_bytes = 0, 0, 0, 0, 0
    for t in range(ids.size):
        x = ids[t]
        if state[x] != OUT:
            state[x] = MARKED
            continue
        size = sizes[t * step]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        while used + size > capacity:
            victim = ring[tail]
            tail = tail + 1 if tail + 1 < places else 0
            if state[victim] == MARKED:
                state[victim] = IN
                ring[head] = victim
                head = head + 1 if head + 1 < places else 0
            else:
                state[victim] = OUT
                used -= held[victim] if step else 1
        ring[head] = x
        head = head + 1 if head + 1 < places else 0
        state[x] = IN
        used += size
        if step:
            held[x] = size
    return missed, missed_bytes
