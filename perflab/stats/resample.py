"""The bootstrap, where no exact interval exists: a tail quantile of units that were measured in blocks.

One quantile of one sample never needs it: its bootstrap law is known, its interval exact
(`latency.order_statistic_intervals`). A figure that every block has for itself does not need it either (`compare`). The
p99 of two arms does: no block of an A/B comparison holds enough units for a p99 of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, level, series
from perflab.stats.interval import Interval

BEYOND = 10  # units beyond a quantile below which resampling covers too little (p99 of 100: 64 % instead of 95 %)
FEWEST_BLOCKS = 10
MOST_DRAWS = 1_000_000
LONGEST = (1 << 31) - 1


def ratio_of_quantiles(
    baseline: Sequence[ArrayLike], candidate: Sequence[ArrayLike], q: float, *, resamples: int = 2000,
    confidence: float = 0.95, seed: int = 7,
) -> Interval:  # fmt: skip
    """Bound (q quantile of all units of the candidate) / (that of the baseline) by resampling whole blocks.

    Procedure: 1. draw as many blocks as there are, with replacement, the same ones in both arms; 2. the ratio of the
    quantiles of all their units; 3. the interval is the middle `confidence` of these ratios. Units of a block share
    its process and its seconds, so that the block is what is independent; what both arms of a block share cancels.
    `baseline`, `candidate`: element i holds the units of that arm in block i, (n_i,) above zero, any n_i >= 1; at least
    10 blocks and, in each arm, 10 units beyond the quantile (1,000 for p99): with fewer, StatisticError, because the
    interval would cover far too little.
    Null hypothesis of an interval without 1: both arms have the same quantile. Weakness: few blocks say little of
    their own spread: a nominal 95 % covers 93 to 96 % with 12 to 40 blocks of 100 lognormal units each (simulated);
    one block that holds most of the tail makes it wide, not wrong.
    Source: Davison and Hinkley, Bootstrap Methods and their Application, sections 3.8 (clusters) and 5.3 (percentiles).
    """
    arms = [_blocks("baseline", baseline, q), _blocks("candidate", candidate, q)]
    if len(arms[0]) != len(arms[1]):
        raise StatisticError(f"`baseline` has {len(arms[0])} blocks and `candidate` {len(arms[1])}",
                             "pairs need as many of each", "Drop the whole block where one arm failed")  # fmt: skip
    below, above = (resampled_quantile(arm, q, resamples=resamples, seed=seed) for arm in arms)
    pooled = [np.concatenate(arm) for arm in arms]
    centre = float(np.quantile(pooled[1], q) / np.quantile(pooled[0], q))
    tail = (1.0 - level("confidence", confidence)) / 2
    low, high = (float(v) for v in np.quantile(above / below, (tail, 1.0 - tail)))
    method = f"bootstrap over {len(arms[0])} blocks, {resamples} resamples"
    return Interval(centre, low, high, confidence, min(int(x.size) for x in pooled), method)


def resampled_quantile(
    blocks: Sequence[ArrayLike] | FloatArray, q: float, *, resamples: int = 2000, seed: int = 7
) -> FloatArray:
    """Return the `q` quantile (type 7) of all units of resampled blocks: (resamples,).

    `blocks`: sequences of units; of a one-dimensional array every value is a block of its own, which is the plain
    bootstrap. Equal `seed` and number of sequences draw the same blocks, so that arms stay paired. The units are sorted
    once; a resample is a count for each block, and the walk to the quantile begins at its own end of the order: about
    1 ns for each block and each unit beyond the quantile, 24 bytes for each unit (10 where values stand alone), for any
    number of resamples.
    Raises StatisticError for no units, NaN, or a number of resamples that is of no use.
    """
    from perflab.stats.resampling_kernel import top_quantiles  # imported late: numba takes most of a second

    if not 100 <= resamples <= MOST_DRAWS:
        raise StatisticError(f"{resamples} resamples", f"between 100 and {MOST_DRAWS:,} are of use")
    ordered, block_of, sizes, count = _pooled(blocks)
    upper = level("q", q) >= 0.5
    if not upper:
        ordered, block_of = np.ascontiguousarray(ordered[::-1]), np.ascontiguousarray(block_of[::-1])
    out, counts = np.empty(resamples), np.empty(count, dtype=np.uint16)
    top_quantiles(ordered, block_of, sizes, q if upper else 1.0 - q, counts, _state(seed), out)
    return out


def _pooled(
    blocks: Sequence[ArrayLike] | FloatArray,
) -> tuple[FloatArray, NDArray[np.int32], NDArray[np.int64], int]:
    """Return all units in order, the block of each, the size of each block, and how many blocks there are.

    Of single values the two in the middle are empty: value i stands for block i, for one draw is as good as another.
    """
    if isinstance(blocks, np.ndarray):
        values = np.sort(series("blocks", blocks))
        of, sizes, count = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64), values.size
    else:
        parts = [series("a block", block) for block in blocks]
        units = series("blocks", np.concatenate(parts) if parts else [])
        sizes, count = np.array([part.size for part in parts], dtype=np.int64), len(parts)
        order = np.argsort(units, kind="stable")
        values, of = units[order], np.repeat(np.arange(count, dtype=np.int32), sizes)[order]
    if values.size > LONGEST:
        raise StatisticError(f"`blocks` holds {values.size:,} units", f"at most {LONGEST:,} can be resampled")
    return values, of, sizes, count


def _blocks(name: str, blocks: Sequence[ArrayLike], q: float) -> list[FloatArray]:
    arm = [series(f"{name}, block {i}", block, positive=True) for i, block in enumerate(blocks)]
    if len(arm) < FEWEST_BLOCKS:
        raise StatisticError(f"`{name}` holds {len(arm)} blocks", f"resampling them needs at least {FEWEST_BLOCKS}",
                             "Measure more blocks")  # fmt: skip
    units = series(name, np.concatenate(arm), varied=True)
    needed = math.ceil(BEYOND / min(level("q", q), 1.0 - q) - 1e-9)
    if units.size < needed:
        raise StatisticError(f"`{name}` holds {units.size} units", f"this quantile needs at least {needed}",
                             "Measure more, or judge a lower quantile")  # fmt: skip
    return arm


def _state(seed: int) -> np.uint64:
    """Return where the random numbers of a seed begin."""
    return np.uint64(np.random.SeedSequence([seed, 0]).generate_state(1, np.uint64)[0])
