"""S3-FIFO: a small queue on probation, a main queue for what was asked for again, a ghost queue of names only.

    on a hit:   count it (up to 3)
    on a miss:  while the cache is too full:
                    main over its share, or small empty:  go through main from its old end:
                        counted: lower the count, make it the youngest;  else remove it, done
                    else:  go through small from its old end:
                        counted at least twice: move it to main with count 0;  else remove it, name to ghost, done
                name in ghost: out of it, append to main;  else append to small

Small has a tenth of the cache, main the rest, ghost names of nine tenths. Before the first eviction objects that find
small full go straight to main, as in libCacheSim's wheel 0.3.5 (older sources lack the rule, worth 0.06 % of misses).
Deviation: an object as large as the small queue may enter it; there it must be smaller, so that caches of less than
20 objects stay empty there. Source: Yang et al., FIFO Queues Are All You Need for Cache Eviction (SOSP 2023).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.cache.trace import Trace
from perflab.jit import njit

NAME = "S3-FIFO"
OUT, GHOST, SMALL, MAIN = 0, 1, 2, 3  # the two low bits of an object's state; its count stands above them
ONE, TWICE, MOST = 4, 8, 12


def run(trace: Trace, capacity: int, ttl_s: float = 0.0) -> tuple[int, int]:
    """Return missed requests and bytes; see `interface.Policy`."""
    sizes, step = trace.weights()
    found: tuple[int, int] = simulate(trace.ids, trace.objects, sizes, step, capacity, *shares(capacity))
    return found


def shares(capacity: int) -> tuple[int, int]:
    """Return what small and ghost may hold; a cache of less than 10 has a small queue of 1 all the same."""
    return max(1, int(capacity * 0.1)), max(1, int(capacity * 0.9))


@njit(cache=True, nogil=True)
def simulate(ids: Any, objects: Any, sizes: Any, step: Any, capacity: Any, small_most: Any, ghost_most: Any) -> Any:
    """Simulate; ghosts that were taken back stay in their queue as names that no longer count."""
    places = objects if step else min(objects, capacity)
    small, main = np.empty(places, np.int32), np.empty(places, np.int32)
    state, named_at = np.zeros(objects, np.uint8), np.empty(objects, np.int32)
    held, ghosts = np.empty(objects if step else 0, np.int64), np.empty(ids.size, np.int32)
    s_head, s_tail, m_head, m_tail, g_head, g_tail = 0, 0, 0, 0, 0, 0
    s_used, m_used, g_used, missed, missed_bytes = 0, 0, 0, 0, 0
    main_most, evicted = capacity - small_most, False
    for t in range(ids.size):
        x = ids[t]
        if state[x] >= SMALL:
            if state[x] < MOST:
                state[x] += ONE
            continue
        size = sizes[t * step]
        missed += 1
        missed_bytes += size
        known = state[x] == GHOST
        if known:
            state[x] = OUT
            g_used -= held[x] if step else 1
        if size > capacity or (not known and size > small_most):
            continue
        while s_used + m_used + size > capacity:
            evicted = True
            if m_used > main_most or s_used == 0:
                while m_used > 0:
                    victim = main[m_tail]
                    m_tail = m_tail + 1 if m_tail + 1 < places else 0
                    if state[victim] >= ONE:
                        state[victim] -= ONE
                        main[m_head] = victim
                        m_head = m_head + 1 if m_head + 1 < places else 0
                    else:
                        state[victim] = OUT
                        m_used -= held[victim] if step else 1
                        break
            else:
                while s_used > 0:
                    victim = small[s_tail]
                    s_tail = s_tail + 1 if s_tail + 1 < places else 0
                    weight = held[victim] if step else 1
                    s_used -= weight
                    if state[victim] >= TWICE + SMALL:
                        state[victim] = MAIN
                        main[m_head] = victim
                        m_head = m_head + 1 if m_head + 1 < places else 0
                        m_used += weight
                        continue
                    state[victim] = OUT
                    if weight <= ghost_most:
                        while g_used + weight > ghost_most:
                            name = ghosts[g_tail]
                            if state[name] == GHOST and named_at[name] == g_tail:
                                state[name] = OUT
                                g_used -= held[name] if step else 1
                            g_tail += 1
                        state[victim], named_at[victim], ghosts[g_head] = GHOST, g_head, victim
                        g_head += 1
                        g_used += weight
                    break
        if step:
            held[x] = size
        if known or (not evicted and s_used >= small_most):
            main[m_head] = x
            m_head = m_head + 1 if m_head + 1 < places else 0
            state[x] = MAIN
            m_used += size
        else:
            small[s_head] = x
            s_head = s_head + 1 if s_head + 1 < places else 0
            state[x] = SMALL
            s_used += size
    return missed, missed_bytes
