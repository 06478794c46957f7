"""The compiled part of the bootstrap. Import it late: numba takes most of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from perflab.stats.inputs import FloatArray

BLOCK = 256  # counts are summed a block at a time on the way to a rank


@njit(cache=True)
def _mixed(state: Any) -> Any:
    """Return the random 64 bits of a state (splitmix64): each state by itself, so the processor overlaps them."""
    bits = np.uint64(state)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@njit(cache=True)
def _place(bits: Any, n: int) -> Any:
    """Return an index below n from the low 32 bits; some come up more often by at most n / 2^32 of their share."""
    return ((np.uint64(bits) & np.uint64(0xFFFFFFFF)) * np.uint64(n)) >> np.uint64(32)


@njit(cache=True)
def draw_counts(counts: NDArray[np.uint16], state: Any) -> Any:
    """Draw n = counts.size indices with replacement, count each index, and return the state after.

    A count cannot pass 65,535: with n below that there are not as many draws, and with a larger n the chance is below
    10^-200000.
    """
    n = counts.size
    counts[:] = 0
    state = np.uint64(state)
    for _ in range(n // 2):
        state += np.uint64(0x9E3779B97F4A7C15)
        bits = _mixed(state)
        counts[_place(bits, n)] += np.uint16(1)
        counts[_place(bits >> np.uint64(32), n)] += np.uint16(1)
    if n % 2:
        state += np.uint64(0x9E3779B97F4A7C15)
        counts[_place(_mixed(state), n)] += np.uint16(1)
    return state


@njit(cache=True)
def _values_at(ordered: FloatArray, counts: NDArray[np.uint16], places: NDArray[np.int64], out: FloatArray) -> None:
    """Write the resample's values at ascending 0-based `places` of its order into `out`."""
    before: Any = 0
    start, k = 0, 0
    while k < places.size:
        stop = min(start + BLOCK, counts.size)
        inside: Any = np.int64(0)
        for i in range(start, stop):
            inside += counts[i]
        if before + inside <= places[k]:
            start, before = stop, before + inside
            continue
        seen: Any = before
        i = start
        while k < places.size and places[k] < before + inside:
            while seen + counts[i] <= places[k]:
                seen += counts[i]
                i += 1
            out[k] = ordered[i]
            k += 1
        start, before = stop, before + inside


@njit(cache=True)
def quantile_resamples(
    ordered: FloatArray, places: NDArray[np.int64], shares: FloatArray, counts: NDArray[np.uint16], state: Any,
    out: FloatArray,
) -> None:  # fmt: skip
    """Fill `out` (resamples, k) with type-7 quantiles: `places` (2k,) ascending, a pair to each of `shares` (k,)."""
    at = np.empty(places.size)
    state = np.uint64(state)
    for b in range(out.shape[0]):
        state = draw_counts(counts, state)
        _values_at(ordered, counts, places, at)
        for k in range(shares.size):
            out[b, k] = at[2 * k] + (at[2 * k + 1] - at[2 * k]) * shares[k]


@njit(cache=True)
def mean_resamples(values: FloatArray, counts: NDArray[np.uint16], state: Any, out: FloatArray) -> None:
    """Fill `out` (resamples,) with the means of resamples of `values`."""
    state = np.uint64(state)
    for b in range(out.size):
        state = draw_counts(counts, state)
        total = 0.0
        for i in range(values.size):
            total += values[i] * counts[i]
        out[b] = total / values.size
