"""W-TinyLFU: a small LRU window; what falls out of it must have been asked for more often than what it would replace.

    each request:  count the object in the sketch
    on a hit:   window: make it the youngest;  probation: move it to protected, whose oldest fall back to probation;
                protected: make it the youngest
    on a miss:  put the object into the window;  while the window is too full, its oldest is a candidate:
                    while main has no room for it and it was asked for more often than probation's oldest: remove that
                    room now: append it to probation;  else remove the candidate

The window has 1 % of the cache, main the rest, of it protected 80 % and probation what is left. The sketch has four
counters of 4 bits per object that fits, halved after 10 counted requests per object. Deviations from Caffeine: a fixed
window (no hill climbing), no random admission of warm candidates; so results repeat. libCacheSim's version is another
one again. Source: Einziger, Eytan, Friedman, Manes, Adaptive Software Cache Management (Middleware 2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.policies.sketch import ROWS, estimate, halve, increment
from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "W-TinyLFU"
OUT, WINDOW, PROBATION, PROTECTED = 0, 1, 2, 3
SAMPLE = 10
WIDEST = 1 << 22  # counters per row: 16 MB of sketch


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    window, protected = shares(capacity)
    fitting = expected_objects(trace, capacity)
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity, window, protected,
                                      width_of(fitting), SAMPLE * fitting)  # fmt: skip
    return found


def shares(capacity: int) -> tuple[int, int]:
    """Return what window and protected may hold."""
    window = max(1, capacity // 100)
    return window, (capacity - window) * 4 // 5


def expected_objects(trace: Trace, capacity: int) -> int:
    """Return how many objects of mean size fit, 1 to all of the trace."""
    return max(1, min(trace.objects, capacity * trace.requests // trace.bytes()))


def width_of(fitting: int) -> int:
    """Return the counters per row: four per object that fits, as a power of two from 64 to 2^22."""
    return min(WIDEST, 1 << max(6, (4 * fitting - 1).bit_length()))


@njit(cache=True, nogil=True)
def _unlink(x: Any, after: Any, before: Any) -> None:
    after[before[x]], before[after[x]] = after[x], before[x]


@njit(cache=True, nogil=True)
def _append(x: Any, queue: Any, after: Any, before: Any) -> None:
    """Make x the youngest of a queue, a ring closed by its own entry: after[queue] is the oldest."""
    end = before[queue]
    after[end], before[x], after[x], before[queue] = x, end, queue, x


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any, window_most: Any, protected_most: Any,
             width: Any, period: Any) -> Any:  # fmt: skip
    """Simulate; the three queues are rings in one pair of arrays, closed at objects + WINDOW and so on."""
    after, before = np.arange(objects + 4, dtype=np.int32), np.arange(objects + 4, dtype=np.int32)
    where, held = np.zeros(objects, np.uint8), np.empty(objects if step else 0, np.int64)
    counters, counted, used = np.zeros((ROWS, width), np.uint8), 0, np.zeros(4, np.int64)
    main_most, missed, missed_bytes = capacity - window_most, 0, 0
    for t in range(ids.size):
        x = ids[t]
        counted += increment(counters, x)
        if counted >= period:
            halve(counters)
            counted //= 2
        queue = where[x]
        if queue != OUT:
            _unlink(x, after, before)
            goal = WINDOW if queue == WINDOW else PROTECTED
            _append(x, objects + goal, after, before)
            if queue == PROBATION:
                weight = held[x] if step else 1
                where[x] = PROTECTED
                used[PROBATION] -= weight
                used[PROTECTED] += weight
                while used[PROTECTED] > protected_most:
                    fallen = after[objects + PROTECTED]
                    weight = held[fallen] if step else 1
                    _unlink(fallen, after, before)
                    _append(fallen, objects + PROBATION, after, before)
                    where[fallen] = PROBATION
                    used[PROTECTED] -= weight
                    used[PROBATION] += weight
            continue
        size = sizes[t * step]
        missed += 1
        missed_bytes += size
        if size > capacity:
            continue
        _append(x, objects + WINDOW, after, before)
        where[x] = WINDOW
        used[WINDOW] += size
        if step:
            held[x] = size
        while used[WINDOW] > window_most:
            candidate = after[objects + WINDOW]
            weight = held[candidate] if step else 1
            _unlink(candidate, after, before)
            where[candidate] = OUT
            used[WINDOW] -= weight
            asked = estimate(counters, candidate)
            while used[PROBATION] + used[PROTECTED] + weight > main_most and weight <= main_most:
                queue = PROBATION if used[PROBATION] > 0 else PROTECTED
                victim = after[objects + queue]
                if asked <= estimate(counters, victim):
                    break
                _unlink(victim, after, before)
                where[victim] = OUT
                used[queue] -= held[victim] if step else 1
            if used[PROBATION] + used[PROTECTED] + weight <= main_most:
                _append(candidate, objects + PROBATION, after, before)
                where[candidate] = PROBATION
                used[PROBATION] += weight
    return missed, missed_bytes
