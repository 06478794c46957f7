"""Bar 2: exact quantile intervals on independent samples: how often they cover, and what they refuse."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.errors import StatisticError
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals, recorded_quantile_interval
from perflab.stats.proportion import clopper_pearson
from perflab.stats.recorder import Recorder

ORDER = 20
QS = (0.50, 0.95, 0.99)
SIMULATIONS = {1_000: 8_000, 10_000: 4_000, 100_000: 2_000}
LOWEST, HIGHEST = 93.0, 98.0
REFUSED_BELOW = {0.99: 368, 0.999: 3_688}


def bars(say: Say) -> list[Bar]:
    """Measure the coverage of 95 % intervals of lognormal samples, and that few samples get no upper bound."""
    found = []
    for n, simulations in SIMULATIONS.items():
        say(f"  {simulations} simulations of {n} samples ...")
        for q, hits in zip(QS, coverage(n, simulations), strict=True):
            found += _coverage_bars(n, q, hits, simulations)
    return [*found, *(_refusal_bar(q, fewest) for q, fewest in REFUSED_BELOW.items())]


def coverage(n: int, simulations: int, seed: int = 11) -> tuple[int, ...]:
    """Return in how many simulations the interval of each quantile held the true quantile of the lognormal."""
    rng = np.random.default_rng([seed, n])
    truths = [np.exp(NormalDist().inv_cdf(q)) for q in QS]
    hits = np.zeros(len(QS), dtype=np.int64)
    for _ in range(simulations):
        found = order_statistic_intervals(rng.lognormal(0, 1, n), QS)
        hits += [not interval.excludes(truth) for interval, truth in zip(found, truths, strict=True)]
    return tuple(int(hit) for hit in hits)


def _coverage_bars(n: int, q: float, hits: int, simulations: int) -> list[Bar]:
    share = clopper_pearson(hits, simulations)
    spread = 100 * (share.low or 0.0), 100 * (1.0 if share.high is None else share.high)
    name, seen = f"p{100 * q:g} of {n:,} samples", 100 * hits / simulations
    return [
        Bar(f"cov-{n}-{100 * q:g}", f"coverage, {name}, at least", seen, ">=", LOWEST, "%", simulations, spread),
        Bar(f"cov-{n}-{100 * q:g}", f"coverage, {name}, at most", seen, "<=", HIGHEST, "%", simulations, spread),
    ]


def _refusal_bar(q: float, fewest: int) -> Bar:
    """Ask every n below the fewest for an interval, from samples and from counts; each must refuse two sides.

    At the fewest it must be given: a function that always refuses would keep the bar otherwise.
    """
    rng, given, asked = np.random.default_rng(5), 0, 0
    for n in range(2, fewest):
        samples = rng.lognormal(16, 1, n).astype(np.int64)
        recorder = Recorder()
        recorder.record_array(samples)
        given += sum(map(_two_sided, (lambda: order_statistic_intervals(samples, (q,))[0],  # noqa: B023
                                      lambda: recorded_quantile_interval(recorder, q))))  # noqa: B023  # fmt: skip
        asked += 2
    enough = _two_sided(lambda: order_statistic_intervals(rng.lognormal(16, 1, fewest), (q,))[0])
    return Bar(f"refuse-{100 * q:g}", f"two-sided p{100 * q:g} given for n below {fewest:,}, or refused from there on",
               float(given + (not enough)), "==", 0, "intervals", asked + 1,
               detail={"two_sided_from_fewest_on": enough})  # fmt: skip


def _two_sided(ask: object) -> bool:
    try:
        interval: Interval = ask()  # type: ignore[operator]
    except StatisticError:
        return False
    return interval.two_sided
