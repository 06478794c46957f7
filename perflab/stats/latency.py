"""Quantiles of latency with intervals: exact ones for independent samples, sectioning inside one load run."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, level, series
from perflab.stats.interval import Interval
from perflab.stats.recorder import Recorder


def minimum_n(q: float, confidence: float = 0.95) -> int:
    """Return the fewest independent samples that can bound the `q` quantile on both sides.

    The largest of n samples is an upper bound with confidence 1 - q^n, so n >= ln((1 - confidence) / 2) / ln q:
    72 for p95, 368 for p99, 3,688 for p99.9 at 95 %.
    """
    q, alpha_half = level("q", q), (1.0 - level("confidence", confidence)) / 2
    return math.ceil(math.log(alpha_half) / math.log(max(q, 1.0 - q)))


def order_statistic_interval(x: ArrayLike, q: float, confidence: float = 0.95) -> Interval:
    """Bound the `q` quantile of independent samples by two of the samples: exact for any distribution.

    See `order_statistic_intervals`, which bounds several quantiles in one pass.
    """
    return order_statistic_intervals(x, (q,), confidence)[0]


def order_statistic_intervals(x: ArrayLike, qs: Sequence[float], confidence: float = 0.95) -> tuple[Interval, ...]:
    """Bound each quantile of `qs` of independent samples by two of the samples: exact for any distribution.

    The number of samples below the quantile is binomial(n, q); the ranks are its tails of (1 - `confidence`) / 2.
    With n below `minimum_n` there is no two-sided interval: then only the bound on the side that has samples is
    returned, at `confidence`, and the other is None. The samples are partitioned at the ranks in use, never sorted,
    and the ranks found by bisection: a few milliseconds and two copies of `x` for 100,000 samples.
    Of a discrete quantity both bounds may be one value: the statement on the quantile holds all the same.
    Weakness: requests of one load run are NOT independent (queues remember); there this interval covers 6 to 57 %
    instead of 95 %, use `sectioned_quantile`. `x`: (n,), not constant; raises StatisticError where no bound exists.
    Source: David and Nagaraja, Order Statistics, section 7.1.
    """
    values = series("x", x, varied=True)
    n = int(values.size)
    found = [rank_bounds(n, level("q", q), level("confidence", confidence)) for q in qs]
    places = {rank - 1 for ranks in found for rank in (ranks.low, ranks.high) if rank}
    places |= {place for q in qs for place in (math.floor((n - 1) * q), math.ceil((n - 1) * q))}
    parted = np.partition(values, sorted(places))
    return tuple(_between(ranks, n, _type_7(parted, q), lambda rank: (float(parted[rank - 1]),) * 2)
                 for ranks, q in zip(found, qs, strict=True))  # fmt: skip


def recorded_quantile_interval(recorder: Recorder, q: float, confidence: float = 0.95) -> Interval:
    """Bound the `q` quantile of independent samples that a recorder counted: the same ranks, outer bucket edges.

    The bounds are the lower edge of the lower rank's bucket and the upper edge of the upper rank's, so they are never
    inside the interval of the raw samples, and wider by at most two buckets (0.1 % each with 3 digits). Values outside
    the recorder's range take part by their rank. The estimate is the centre of the bucket of rank ceil(q n).
    Same weakness as `order_statistic_intervals`. Raises StatisticError when nothing, or only one number, was recorded.
    """
    q = level("q", q)
    inner = sum(recorder.quantile(q)) / 2
    if recorder.minimum == recorder.maximum:
        raise StatisticError(f"The recorder holds one number only ({recorder.minimum}, {recorder.n} times)",
                             "an interval needs values that vary", "Measure with a finer resolution")  # fmt: skip
    ranks = rank_bounds(recorder.n, q, level("confidence", confidence))
    return _between(ranks, recorder.n, inner, recorder.rank_bounds)


@dataclass(frozen=True)
class RankBounds:
    """The ranks (1 = smallest) of the samples that bound a quantile, and the confidence that they reach together."""

    low: int | None
    high: int | None
    reached: float
    method: str


def rank_bounds(n: int, q: float, confidence: float) -> RankBounds:
    """Return ranks l < u with P(quantile < X(l)) and P(quantile > X(u)) at most (1 - `confidence`) / 2 each.

    With `n` below `minimum_n` one rank at `confidence`; raises StatisticError where not even that exists.
    """

    def below(j: int) -> float:  # P(at most j of n samples lie under the quantile)
        return 1.0 if j >= n else float(betainc(n - j, j + 1, 1.0 - q))

    from scipy.special import betainc  # imported late

    alpha, ranks = 1.0 - confidence, range(n + 1)
    if n >= minimum_n(q, confidence):
        low = bisect_right(ranks, alpha / 2, key=below)
        high = bisect_left(ranks, 1.0 - alpha / 2, key=below) + 1
        return RankBounds(low, high, below(high - 1) - below(low - 1), "order statistics")
    if q >= 0.5 and (low := bisect_right(ranks, alpha, key=below)) >= 1:
        return RankBounds(low, None, 1.0 - below(low - 1), "order statistics, lower bound only")
    if q < 0.5 and (high := bisect_left(ranks, confidence, key=below) + 1) <= n:
        return RankBounds(None, high, below(high - 1), "order statistics, upper bound only")
    raise StatisticError(f"`x` holds {n} values", f"no bound on the {q:g} quantile exists with so few",
                         f"Measure at least {minimum_n(q, confidence)} samples")  # fmt: skip


def _between(ranks: RankBounds, n: int, estimate: float, edges: Callable[[int], tuple[float, float]]) -> Interval:
    low = None if ranks.low is None else float(edges(ranks.low)[0])
    high = None if ranks.high is None else float(edges(ranks.high)[1])
    return Interval(estimate, low, high, ranks.reached, n, ranks.method)


def _type_7(parted: FloatArray, q: float) -> float:
    """Return the quantile that numpy gives by default, from values partitioned at its two neighbours."""
    place = (parted.size - 1) * q
    low, high = float(parted[math.floor(place)]), float(parted[math.ceil(place)])
    return low + (high - low) * (place - math.floor(place))


def section_minimum_n(q: float, sections: int = 10) -> int:
    """Return the fewest samples of a run with which every section holds one beyond its own `q` quantile."""
    return sections * math.ceil(1.0 / min(q, 1.0 - q) - 1e-9)


def sectioned_quantile(
    x: ArrayLike, q: float, sections: int = 10, confidence: float = 0.95, *, log: bool = False
) -> Interval:
    """Bound the `q` quantile of ONE load run whose samples depend on their neighbours.

    Procedure: 1. cut the run, in time order, into `sections` equal parts; 2. take the quantile of each; 3. a t
    interval with `sections` - 1 degrees of freedom, centred on the quantile of the whole run and using the spread of
    the sections around it. Centring on the pooled quantile removes most of the bias of short sections.
    Assumes sections much longer than the memory of the queue. Measured coverage of a nominal 95 % at 60,000 requests:
    M/M/1 at 80 % load p50 93 %, p99 90 %; at 90 % load p99 only 79 %. Decide on independent trials where you can.
    `x`: (n,) in time order, n >= section_minimum_n(q, sections), not constant. `log`: work on logarithms (all above
    zero), which keeps the lower bound positive.
    Source: Asmussen and Glynn, Stochastic Simulation, section III.5.
    """
    values = series("x", x, varied=True, positive=log)
    q = level("q", q)
    _enough_for_sections(values.size, sections, section_minimum_n(q, sections), f"the {q:g} quantile")
    work = np.log(values) if log else values
    centre = float(np.quantile(work, q))
    parts = np.array([np.quantile(part, q) for part in np.array_split(work, sections)])
    low, high = t_bounds(centre, parts, confidence)
    found = Interval(centre, low, high, confidence, int(values.size), f"sectioning, {sections} parts")
    return replace(found, value=math.exp(centre), low=math.exp(low), high=math.exp(high)) if log else found


NOT_NEGATIVE = (0.0, math.inf)  # what a rate, a time or a share of a core can be


def sectioned_mean(
    x: ArrayLike, sections: int = 10, confidence: float = 0.95, *, within: tuple[float, float] = (-math.inf, math.inf)
) -> Interval:
    """Bound the mean of one run's samples in time order (CPU share per second, say) by the means of its parts.

    A t interval with `sections` - 1 degrees of freedom from the spread of the parts' means. `x`: (n,), n >= 2 *
    `sections`, not constant; raises StatisticError otherwise. `within`: what a mean of this quantity can be, (0, inf)
    for a rate: the interval ends there, as one of a rate that ceased half way would reach below 0; it covers the mean
    as often as before. Weakness: parts that are shorter than the memory of the
    process depend on each other, and the interval is then too narrow.
    Source: Law, Simulation Modeling and Analysis, section 9.5 (batch means).
    """
    values = series("x", x, varied=True)
    _enough_for_sections(values.size, sections, 2 * sections, "a mean")
    parts = np.array([part.mean() for part in np.array_split(values, sections)])
    centre = float(values.mean())
    low, high = t_bounds(centre, parts, confidence)
    low, high = max(low, within[0]), min(high, within[1])
    return Interval(centre, low, high, confidence, int(values.size), f"sectioned mean, {sections} parts")


def trial_interval(x: ArrayLike, confidence: float = 0.95) -> Interval:
    """Bound the mean of one figure per independent trial by Student's t; n >= 3, better 8.

    `x`: (n,), one value for each trial, not constant; raises StatisticError otherwise. For a decision on the level of
    ONE arm (two arms are compared pair by pair). Weakness: few skewed figures are no normal sample: the p99 of an M/M/1
    queue at 80 % load over 8 trials of 60,000 requests is covered in 93 % or more (`perflab bench stats`).
    Source: Student 1908.
    """
    values = series("x", x, varied=True, minimum=3)
    centre = float(values.mean())
    low, high = t_bounds(centre, values, confidence)
    return Interval(centre, low, high, confidence, int(values.size), "t over trials")


def t_bounds(centre: float, parts: FloatArray, confidence: float) -> tuple[float, float]:
    """Return centre -+ t * s / sqrt(k), s the spread of k independent figures around `centre`.

    Raises StatisticError when they all equal it: no spread, no t interval, whatever the values inside them do.
    """
    from scipy.special import stdtrit  # scipy.stats would take ten times as long to import

    k = parts.size
    spread = math.sqrt(float(((parts - centre) ** 2).sum()) / (k - 1))
    if spread == 0:
        raise StatisticError(f"`x` reads {centre:g} in each of its {k} parts", "an interval needs parts that vary",
                             "Measure with a finer resolution")  # fmt: skip
    width = float(stdtrit(k - 1, 0.5 + level("confidence", confidence) / 2)) * spread / math.sqrt(k)
    return centre - width, centre + width


def _enough_for_sections(n: int, sections: int, needed: int, what: str) -> None:
    if sections < 5:
        raise StatisticError(f"`sections` is {sections}", "fewer than 5 parts give no usable spread")
    if n < needed:
        raise StatisticError(f"`x` holds {n} values", f"{what} in {sections} sections needs at least {needed}",
                             "Measure longer, or judge a lower quantile")  # fmt: skip
