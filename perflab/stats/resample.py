"""The bootstrap, where no exact interval exists: ratios of quantiles, differences of means of two samples.

One quantile of one sample never needs it: its bootstrap law is known (`quantile_law`), its interval exact
(`latency.order_statistic_intervals`). Samples that come in pairs are compared by `compare`, not here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, level, series
from perflab.stats.interval import Interval

BEYOND = 10  # samples beyond a quantile below which resampling covers too little (p99 of 100: 64 % instead of 95 %)
MOST_DRAWS = 1_000_000
LONGEST = (1 << 31) - 1


def ratio_of_quantiles(
    x: ArrayLike, y: ArrayLike, q: float, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 7
) -> Interval:
    """Bound (q quantile of `y`) / (q quantile of `x`), two independent samples, by the percentile bootstrap.

    `x`: (n,), `y`: (m,), each independent, above zero, not constant, with at least 10 samples beyond the quantile
    (20 for the median, 1,000 for p99): with fewer, StatisticError, because the interval would cover far too little.
    Takes about 1 ns per sample and resample, and 10 bytes per sample. Weakness: dependent samples make it too narrow;
    decide on independent trials. Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
    """
    arms = [_arm(name, values, q, positive=True) for name, values in (("x", x), ("y", y))]
    below, above = (resampled_quantiles(arm, (q,), resamples=resamples, seed=seed, stream=k)[:, 0]
                    for k, arm in enumerate(arms))  # fmt: skip
    centre = float(np.quantile(arms[1], q) / np.quantile(arms[0], q))
    return _percentile(centre, above / below, confidence, arms, f"bootstrap ratio of quantiles, {resamples} resamples")


def difference_of_means(
    x: ArrayLike, y: ArrayLike, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 7
) -> Interval:
    """Bound mean(`y`) - mean(`x`) of two independent samples by the percentile bootstrap.

    `x`: (n,), `y`: (m,), n and m at least 20, not constant, any sign. Beside Welch's t it needs no symmetry, and beside
    Hodges-Lehmann it speaks of the mean, which is what adds up to a bill. Weakness: with heavy tails (infinite
    variance) no bootstrap of a mean is valid. Source: Efron and Tibshirani, chapter 13.
    """
    from perflab.stats.resampling_kernel import mean_resamples  # imported late: numba takes most of a second

    arms = [_arm(name, values, 0.5, positive=False) for name, values in (("x", x), ("y", y))]
    means = [np.empty(_draws(resamples)) for _ in arms]
    for k, (arm, out) in enumerate(zip(arms, means, strict=True)):
        mean_resamples(np.ascontiguousarray(arm), np.empty(arm.size, dtype=np.uint16), _state(seed, k), out)
    centre = float(arms[1].mean() - arms[0].mean())
    return _percentile(centre, means[1] - means[0], confidence, arms,
                       f"bootstrap difference of means, {resamples} resamples")  # fmt: skip


def resampled_quantiles(
    x: ArrayLike, qs: Sequence[float], *, resamples: int = 2000, seed: int = 7, stream: int = 0
) -> FloatArray:
    """Return the quantiles `qs` of resamples of `x`: (resamples, len(qs)), those of a row from the same resample.

    `x` (n,) is sorted once; a resample is n counts of indices, in which the ranks are found without sorting: O(n)
    memory whatever the number of resamples. Type-7 quantiles. Equal `seed` and `stream` repeat; arms that must be
    independent take different streams. Joint laws (p99 / p50 of one sample) need this; for one quantile `quantile_law`
    is exact and faster.
    """
    from perflab.stats.resampling_kernel import quantile_resamples  # imported late: numba takes most of a second

    ordered = np.sort(_bounded("x", series("x", x)))
    order = sorted(range(len(qs)), key=lambda k: level("q", qs[k]))
    at = np.array([(ordered.size - 1) * qs[k] for k in order])
    places = np.column_stack((np.floor(at), np.ceil(at))).astype(np.int64).ravel()
    out = np.empty((_draws(resamples), len(qs)))
    if bool((np.diff(places) < 0).any()):  # two quantiles between the same two samples: the same resamples, one by one
        columns = [resampled_quantiles(x, (q,), resamples=resamples, seed=seed, stream=stream) for q in qs]
        return np.hstack(columns)
    counts = np.empty(ordered.size, dtype=np.uint16)
    quantile_resamples(ordered, places, at - np.floor(at), counts, _state(seed, stream), out)
    return out[:, np.argsort(order)]


def quantile_law(x: ArrayLike, q: float, *, draws: int = 10_000, seed: int = 7) -> FloatArray:
    """Return draws, (draws,), from the bootstrap law of the `q` quantile of `x` without resampling anything.

    The resample's value of rank k = ceil(q n) is the sample at ceil(n U), U ~ Beta(k, n - k + 1), exactly.
    `x`: (n,) independent samples. Source: Hutson and Ernst, The exact bootstrap mean and variance of an L-estimator,
    JRSS B 62 (2000).
    """
    values = np.sort(series("x", x))
    n = int(values.size)
    k = max(math.ceil(level("q", q) * n - 1e-9), 1)
    u = np.random.default_rng(seed).beta(k, n - k + 1, _draws(draws))
    return np.asarray(values[np.clip(np.ceil(n * u).astype(np.int64) - 1, 0, n - 1)])


def _arm(name: str, values: ArrayLike, q: float, *, positive: bool) -> FloatArray:
    arm = series(name, values, varied=True, positive=positive)
    needed = math.ceil(BEYOND / min(level("q", q), 1.0 - q) - 1e-9)
    if arm.size < needed:
        raise StatisticError(f"`{name}` holds {arm.size} values", f"resampling needs at least {needed} here",
                             "Measure more, or judge a lower quantile")  # fmt: skip
    return _bounded(name, arm)


def _bounded(name: str, values: FloatArray) -> FloatArray:
    if values.size > LONGEST:
        raise StatisticError(f"`{name}` holds {values.size:,} values", f"at most {LONGEST:,} can be resampled")
    return values


def _draws(count: int) -> int:
    if not 100 <= count <= MOST_DRAWS:
        raise StatisticError(f"{count} resamples", f"between 100 and {MOST_DRAWS:,} are of use")
    return count


def _state(seed: int, stream: int) -> np.uint64:
    """Return where a stream of random numbers begins; streams of one seed lie far apart."""
    return np.uint64(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0])


def _percentile(centre: float, draws: FloatArray, confidence: float, arms: list[FloatArray], method: str) -> Interval:
    tail = (1.0 - level("confidence", confidence)) / 2
    low, high = (float(v) for v in np.quantile(draws, (tail, 1.0 - tail)))
    return Interval(centre, low, high, confidence, min(int(arm.size) for arm in arms), method)
