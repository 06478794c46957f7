"""The Wilcoxon signed-rank distribution, and the Hodges-Lehmann estimate and interval made from it."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, level, series
from perflab.stats.interval import Interval

EXACT_UP_TO = 300  # beyond it the normal approximation errs by less than 1e-4 in probability
MOST_PAIRS = 3000  # Walsh averages grow with n squared: 3,000 pairs take 36 MB


@lru_cache(maxsize=64)
def rank_sum_cdf(n: int) -> FloatArray:
    """Return P(T+ <= t) for t = 0 .. n(n+1)/2 under symmetry about zero, exactly.

    Each rank r joins T+ with probability one half, so the distribution is n convolutions with {1/2 at 0, 1/2 at r}.
    """
    mass: FloatArray = np.zeros(n * (n + 1) // 2 + 1)
    mass[0] = 1.0
    for rank in range(1, n + 1):
        half = mass * 0.5
        mass = half.copy()
        mass[rank:] += half[:-rank]
    return np.cumsum(mass)


def tail(n: int, t: int) -> float:
    """Return P(T+ <= t) for n pairs: exact up to EXACT_UP_TO, normal with continuity correction beyond."""
    if t < 0:
        return 0.0
    if n <= EXACT_UP_TO:
        cdf = rank_sum_cdf(n)
        return float(min(cdf[min(t, cdf.size - 1)], 1.0))
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return NormalDist(mean, sd).cdf(t + 0.5)


def critical_rank(n: int, confidence: float) -> int:
    """Return the largest k such that the k-th smallest and largest Walsh average bound at `confidence`; 0 = none."""
    alpha_half = (1.0 - confidence) / 2
    if n <= EXACT_UP_TO:
        return int(np.searchsorted(rank_sum_cdf(n), alpha_half + 1e-12, side="right"))
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return max(math.floor(NormalDist(mean, sd).inv_cdf(alpha_half) - 0.5) + 1, 0)


def fewest_pairs(confidence: float) -> int:
    """Return the smallest n that can bound at `confidence`: 2^(1-n) <= 1 - confidence, 6 pairs for 95 %."""
    return math.ceil(1 - math.log2(1.0 - level("confidence", confidence)))


def walsh_averages(values: FloatArray) -> FloatArray:
    """Return the sorted means of all pairs of values, each value with itself included."""
    i, j = np.triu_indices(values.size)
    return np.sort((values[i] + values[j]) / 2)


def hodges_lehmann(log_ratios: ArrayLike, confidence: float = 0.95) -> Interval:
    """Estimate the centre of paired differences (such as log-ratios) with an exact distribution-free interval.

    Procedure: 1. the Walsh averages, sorted; 2. their median is the estimate; 3. the k-th smallest and k-th largest
    bound it, k from the exact signed-rank distribution.
    Null hypothesis that an interval without zero rejects: the differences are symmetric about zero.
    Assumes that the differences are independent and symmetric about their centre; it needs no normality and is
    hardly moved by spikes. Weakness: when one arm is much spikier than the other the differences are skewed and a
    nominal 95 % covers about 90 %.
    `log_ratios`: (n,), n >= fewest_pairs(confidence), not all equal, and not so tied that both bounds are one value:
    such an interval shows the instrument's resolution and no certainty. Raises StatisticError otherwise.
    Source: Hodges and Lehmann 1963; Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, section 3.3.
    """
    values = series("log_ratios", log_ratios, varied=True)
    needed = fewest_pairs(confidence)
    if values.size < needed:
        raise StatisticError(f"`log_ratios` holds {values.size} pairs",
                             f"a {confidence:.0%} interval needs at least {needed}", "Measure more blocks")  # fmt: skip
    if values.size > MOST_PAIRS:
        raise StatisticError(f"`log_ratios` holds {values.size} pairs", f"at most {MOST_PAIRS}",
                             "Give one value per trial, not one per request")  # fmt: skip
    averages = walsh_averages(values)
    k = critical_rank(values.size, confidence)
    if _alike(averages, k):
        raise StatisticError(f"`log_ratios` has so many ties that both bounds are {averages[k - 1]:g}",
                             "an interval needs values that vary", "Measure with a finer resolution")  # fmt: skip
    return Interval(
        float(np.median(averages)), float(averages[k - 1]), float(averages[-k]),
        1.0 - 2.0 * tail(values.size, k - 1), int(values.size), "Hodges-Lehmann, signed rank",
    )  # fmt: skip


def tied_step(steps: ArrayLike, confidence: float = 0.95) -> float | None:
    """Return the one value that both bounds of the interval share, None where they differ or there are too few pairs.

    A step that most pairs share has no interval, and is a step nevertheless. `steps`: (n,), finite.
    Raises StatisticError for NaN or no values.
    """
    values = series("steps", steps)
    if not fewest_pairs(confidence) <= values.size <= MOST_PAIRS:
        return None
    averages = walsh_averages(values)
    return float(np.median(averages)) if _alike(averages, critical_rank(values.size, confidence)) else None


def _alike(averages: FloatArray, k: int) -> bool:
    """Whether the k-th smallest and the k-th largest are one value, but for rounding."""
    return bool(np.isclose(averages[k - 1], averages[-k], rtol=1e-9, atol=1e-15))


def signed_rank_p(log_ratios: ArrayLike) -> float:
    """Return the two-sided p-value of "the differences are symmetric about zero".

    Wilcoxon's signed-rank test by Walsh averages, exact up to EXACT_UP_TO pairs; its weakness is that of the interval.
    The exact dual of the interval: p <= 1 - confidence exactly when `hodges_lehmann` excludes zero, ties included.
    """
    averages = walsh_averages(series("log_ratios", log_ratios))
    n = int((math.isqrt(8 * averages.size + 1) - 1) // 2)
    not_above, not_below = int((averages <= 0).sum()), int((averages >= 0).sum())
    return min(1.0, 2.0 * tail(n, min(not_above, not_below)))
