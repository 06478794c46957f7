"""Bar 4: what an interval costs: exact ranks, and the bootstrap beside scipy's on the same samples."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.stats.inputs import FloatArray
from perflab.stats.latency import order_statistic_intervals
from perflab.stats.proportion import clopper_pearson
from perflab.stats.resample import ratio_of_quantiles, resampled_quantile

ORDER = 40
N, QS, Q = 100_000, (0.50, 0.99), 0.99
EXACT_ROUNDS, ROUNDS, OURS, THEIRS, BATCH = 101, 5, 400, 100, 100
BLOCKS, UNITS, STUDIES = 20, 100, 1000  # of the coverage: as many as full effort measures
BLOCK_SPREAD, TRIAL_SPREAD, UNIT_SPREAD, TRUTH = 0.1, 0.05, 0.5, 1.1
MIB = 1 << 20


def bars(say: Say) -> list[Bar]:
    """Measure time and memory of exact intervals and of a bootstrap, and how often that of the p99 of blocks covers."""
    x = np.random.default_rng(3).lognormal(0, 1, N)
    exact = [_seconds(lambda: order_statistic_intervals(x, QS)) for _ in range(EXACT_ROUNDS)][1:]
    extra = _extra_bytes(lambda: order_statistic_intervals(x, QS))
    ours, theirs = _side_by_side(x)
    our_extra = _extra_bytes(lambda: resampled_quantile(x, Q, resamples=OURS))
    their_extra = _extra_bytes(lambda: _scipys(x))
    agree = _agreement(x)
    say(f"  bootstrap of p99: ours {1e3 * ours:.3f} ms a resample, scipy {1e3 * theirs:.3f} ms")
    detail = {"ours_ms": 1e3 * ours, "scipy_ms": 1e3 * theirs, "scipy_batch": BATCH,
              "apart_from_exact_law_percent": agree}  # fmt: skip
    memory = {"ours_mib": our_extra / MIB, "scipy_mib": their_extra / MIB}
    return [
        Bar("exact-ms", "median and p99 of 100,000 with exact intervals", 1e3 * float(np.median(exact)), "<=", 5, "ms",
            len(exact), (1e3 * float(np.quantile(exact, 0.05)), 1e3 * float(np.quantile(exact, 0.95)))),
        Bar("exact-mib", "memory beyond the samples for them", extra / MIB, "<=", 5, "MiB", 1),
        Bar("boot-ratio", "scipy's time for a resample of p99 over ours", theirs / ours, ">=", 10, "x", ROUNDS,
            detail=detail),
        Bar("boot-mem", "our memory as a share of scipy's", 100 * our_extra / their_extra, "<", 1, "%", 1,
            detail=memory),
        Bar("boot-law", "bounds of p99 apart from the exact law's", agree, "<=", 1, "%", 2),
        *_coverage_bars(),
    ]  # fmt: skip


def _coverage_bars() -> list[Bar]:
    """Both sides of 92 to 98 %: the ratio of the p99 of two arms whose units share the noise of block and trial."""
    rng, hits = np.random.default_rng(44), 0
    for seed in range(STUDIES):
        shared = rng.normal(0, BLOCK_SPREAD, (1, BLOCKS, 1)) + rng.normal(0, TRIAL_SPREAD, (2, BLOCKS, 1))
        arms = np.exp(shared + rng.normal(0, UNIT_SPREAD, (2, BLOCKS, UNITS)))
        hits += not ratio_of_quantiles(list(arms[0]), list(TRUTH * arms[1]), Q, resamples=500, seed=seed).excludes(
            TRUTH
        )
    share = clopper_pearson(hits, STUDIES)
    spread = 100 * (share.low or 0.0), 100 * (1.0 if share.high is None else share.high)
    title = f"coverage, ratio of p99 of {BLOCKS} blocks of {UNITS} units"
    return [Bar("boot-cover", f"{title}, {words}", 100 * share.value, operator, limit, "%", STUDIES, spread)
            for words, operator, limit in (("at least", ">=", 92), ("at most", "<=", 98))]  # fmt: skip


def _side_by_side(x: FloatArray) -> tuple[float, float]:
    """Return seconds per resample, ours and scipy's: medians of interleaved rounds."""
    resampled_quantile(x, Q, resamples=OURS)  # compile
    rows = [(_seconds(lambda: resampled_quantile(x, Q, resamples=OURS)) / OURS, _seconds(lambda: _scipys(x)) / THEIRS)
            for _ in range(ROUNDS)]  # fmt: skip
    ours, theirs = np.median(np.array(rows), axis=0)
    return float(ours), float(theirs)


def _scipys(x: FloatArray) -> None:
    from scipy.stats import bootstrap

    bootstrap((x,), lambda s, axis: np.quantile(s, Q, axis=axis), n_resamples=THEIRS, batch=BATCH,
              method="percentile", rng=7)  # fmt: skip


def _agreement(x: FloatArray) -> float:
    """Return by how many percent the bounds of resampled p99 lie from those of its exact bootstrap law, at most.

    The resample's value of rank k = ceil(q n) is the sample at ceil(n U), U ~ Beta(k, n - k + 1).
    Source: Hutson and Ernst, The exact bootstrap mean and variance of an L-estimator, JRSS B 62 (2000).
    """
    tails, k = (0.025, 0.975), round(Q * x.size)
    drawn = np.quantile(resampled_quantile(x, Q, resamples=4000), tails)
    places = np.ceil(x.size * np.random.default_rng(7).beta(k, x.size - k + 1, 100_000)).astype(np.int64) - 1
    return float(100 * np.max(np.abs(drawn / np.quantile(np.sort(x)[places], tails) - 1)))


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _extra_bytes(call: Callable[[], object]) -> int:
    """Return the most memory that a second call takes beyond what was there; numpy's arrays are traced."""
    call()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
