"""The compiled part of the change-point search: the rank-CUSUM of a segment and its permutation test.

Only `change_points` imports this module, and only when it is called: importing numba takes most of a second.
"""

from __future__ import annotations

import numpy as np

from perflab.jit import njit
from perflab.stats.inputs import FloatArray


@njit(cache=True)
def centred_ranks(values: FloatArray) -> FloatArray:
    """Return mid-ranks (ties share their mean rank) minus their mean: (n,) float64, sum 0."""
    n = values.size
    order = np.argsort(values)
    ranks = np.empty(n)
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and values[order[stop]] == values[order[start]]:
            stop += 1
        for place in range(start, stop):
            ranks[order[place]] = (start + stop - 1) / 2 - (n - 1) / 2
        start = stop
    return ranks


@njit(cache=True)
def largest_step(ranks: FloatArray, weights: FloatArray, shortest: int) -> tuple[float, int]:
    """Return (statistic, k): the largest |sum of the first k ranks| * weight[k] with both sides >= `shortest`."""
    total, best, where = 0.0, -1.0, shortest
    for k in range(1, ranks.size - shortest + 1):
        total += ranks[k - 1]
        if k >= shortest and abs(total) * weights[k] > best:
            best, where = abs(total) * weights[k], k
    return best, where


@njit(cache=True)
def split_weights(n: int) -> FloatArray:
    """Return 1 / sqrt(k (n - k)) for k in 0..n: every split's sum of ranks in units of its own spread."""
    weights = np.zeros(n + 1)
    for k in range(1, n):
        weights[k] = 1.0 / np.sqrt(k * (n - k))
    return weights


@njit(cache=True)
def _next(state: np.uint64) -> np.uint64:
    """One step of xorshift64: a generator of our own leaves numba's and numpy's global ones alone."""
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state


@njit(cache=True)
def permutation_p(
    ranks: FloatArray, weights: FloatArray, shortest: int, seen: float, rounds: int, allowed: int, seed: int
) -> float:
    """Return (1 + exceedances) / (1 + rounds); stops, with p above the level, after more than `allowed` of them.

    A series without a change stops after a few permutations, which is what makes the search fast.
    """
    shuffled = ranks.copy()
    state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
    for _ in range(8):
        state = _next(state)
    over = 0
    for done in range(1, rounds + 1):
        for place in range(shuffled.size - 1, 0, -1):
            state = _next(state)
            other = np.int64(((state >> np.uint64(32)) * np.uint64(place + 1)) >> np.uint64(32))
            shuffled[place], shuffled[other] = shuffled[other], shuffled[place]
        if largest_step(shuffled, weights, shortest)[0] >= seen - 1e-9:
            over += 1
            if over > allowed:
                return (1.0 + over) / (1.0 + done)
    return (1.0 + over) / (1.0 + rounds)
