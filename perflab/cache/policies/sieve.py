"""SIEVE: a hand sifts from old to young; what was asked for stays where it is, new objects come in behind.

    on a hit:   mark the object
    on a miss:  while the cache is too full:
                    object under the hand marked: unmark it, hand to the next younger one, after the youngest the oldest
                    else: remove it, hand to the next younger one
                append the object, unmarked

Unlike CLOCK's, a survivor is not made the youngest, so objects that nobody asks for again leave soon after they came.
Source: Zhang et al., SIEVE is Simpler than LRU (NSDI 2024). Objects stand in an array in order of entry, and those
removed leave holes that are closed every time the array is full: half of it, so that closing costs O(1) per entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "SIEVE"
OUT, IN, MARKED = 0, 1, 2
HOLE = -1


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity)
    return found


@njit(cache=True, nogil=True)
def _closed(entered: Any, hand: Any) -> Any:
    """Close the holes in place; return how many objects are left and where the hand's object stands now."""
    kept, moved = 0, 0
    for at in range(entered.size):
        if at == hand:
            moved = kept
        if entered[at] != HOLE:
            entered[kept] = entered[at]
            kept += 1
    return kept, moved


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any) -> Any:
    """Simulate; the hand always rests on an object, or on place 0 when none is younger than the last removed."""
    entered = np.empty(2 * (objects if step else min(objects, capacity)), np.int32)
    state, held = np.zeros(objects, np.uint8), np.empty(objects if step else 0, np.int64)
    end, hand, used, missed, missed_bytes = 0, 0, 0, 0, 0
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
            victim = entered[hand]
            if victim != HOLE:
                if state[victim] == MARKED:
                    state[victim] = IN
                else:
                    state[victim], entered[hand] = OUT, HOLE
                    used -= held[victim] if step else 1
            hand += 1
            while hand < end and entered[hand] == HOLE:
                hand += 1
            hand = hand if hand < end else 0
        if end == entered.size:
            end, hand = _closed(entered, hand)
        entered[end] = x
        end += 1
        state[x] = IN
        used += size
        if step:
            held[x] = size
    return missed, missed_bytes
