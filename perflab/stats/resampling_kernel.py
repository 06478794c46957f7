"""The compiled part of the bootstrap. Import it late: numba takes most of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.jit import njit
from perflab.stats.inputs import FloatArray


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
def top_quantiles(
    ordered: FloatArray, block_of: NDArray[np.int32], sizes: NDArray[np.int64], q: float, counts: NDArray[np.uint16],
    state: Any, out: FloatArray,
) -> None:  # fmt: skip
    """Fill `out` with the type-7 `q` quantile of resamples of blocks, seen from the last unit of `ordered`.

    `ordered` (n,), `block_of` (n,): the units in order and the block of each; `counts`: scratch, one for each block.
    `block_of` and `sizes` are empty where every unit is a block of its own.
    Ordered downwards with 1 - q it is the quantile from the other end.
    """
    state = np.uint64(state)
    for b in range(out.size):
        state = draw_counts(counts, state)
        total: Any = np.int64(0) if sizes.size else np.int64(counts.size)
        for k in range(sizes.size):
            total += np.int64(counts[k]) * sizes[k]
        at = (total - 1) * q
        low = np.int64(np.floor(at + 1e-9))
        rank = total - low  # of the lower neighbour, from the top; the upper one is a place nearer to it
        above: Any = np.int64(0)
        i = ordered.size
        while above < rank - 1:
            i -= 1
            above += counts[block_of[i] if block_of.size else i]
        upper = ordered[min(i, ordered.size - 1)]
        while above < rank:
            i -= 1
            above += counts[block_of[i] if block_of.size else i]
        lower = ordered[i]
        share = max(at - low, 0.0)
        out[b] = lower + share * (upper - lower) if rank > 1 else lower
