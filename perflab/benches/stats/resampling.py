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
from perflab.stats.resample import quantile_law, resampled_quantiles

ORDER = 40
N, QS = 100_000, (0.50, 0.99)
EXACT_ROUNDS, ROUNDS, OURS, THEIRS, BATCH = 101, 5, 400, 100, 100
MIB = 1 << 20


def bars(say: Say) -> list[Bar]:
    """Measure time and memory of the median and p99 of 100,000 samples with intervals, exactly and by resampling."""
    x = np.random.default_rng(3).lognormal(0, 1, N)
    exact = [_seconds(lambda: order_statistic_intervals(x, QS)) for _ in range(EXACT_ROUNDS)][1:]
    extra = _extra_bytes(lambda: order_statistic_intervals(x, QS))
    ours, theirs = _side_by_side(x)
    our_extra = _extra_bytes(lambda: resampled_quantiles(x, QS, resamples=OURS))
    their_extra = _extra_bytes(lambda: _scipys(x))
    agree = _agreement(x)
    say(f"  bootstrap: ours {1e3 * ours:.3f} ms a resample (both quantiles), scipy {1e3 * theirs:.3f} ms (p99)")
    detail = {"ours_ms": 1e3 * ours, "scipy_ms": 1e3 * theirs, "scipy_batch": BATCH, "quantiles_ours": 2,
              "quantiles_scipy": 1, "apart_from_exact_law_percent": agree}  # fmt: skip
    memory = {"ours_mib": our_extra / MIB, "scipy_mib": their_extra / MIB}
    return [
        Bar("exact-ms", "median and p99 of 100,000 with exact intervals", 1e3 * float(np.median(exact)), "<=", 5, "ms",
            len(exact), (1e3 * float(np.quantile(exact, 0.05)), 1e3 * float(np.quantile(exact, 0.95)))),
        Bar("exact-mib", "memory beyond the samples for them", extra / MIB, "<=", 5, "MiB", 1),
        Bar("boot-ratio", "scipy's time for a resample (p99) over ours (median and p99)", theirs / ours, ">=", 10, "x",
            ROUNDS, detail=detail),
        Bar("boot-mem", "our memory as a share of scipy's", 100 * our_extra / their_extra, "<", 1, "%", 1,
            detail=memory),
        Bar("boot-law", "bounds of p99 apart from the exact law's", agree, "<=", 1, "%", 2),
    ]  # fmt: skip


def _side_by_side(x: FloatArray) -> tuple[float, float]:
    """Return seconds per resample, ours and scipy's: medians of interleaved rounds."""
    resampled_quantiles(x, QS, resamples=OURS)  # compile
    rows = [(_seconds(lambda: resampled_quantiles(x, QS, resamples=OURS)) / OURS, _seconds(lambda: _scipys(x)) / THEIRS)
            for _ in range(ROUNDS)]  # fmt: skip
    ours, theirs = np.median(np.array(rows), axis=0)
    return float(ours), float(theirs)


def _scipys(x: FloatArray) -> None:
    from scipy.stats import bootstrap

    bootstrap((x,), lambda s, axis: np.quantile(s, 0.99, axis=axis), n_resamples=THEIRS, batch=BATCH,
              method="percentile", rng=7)  # fmt: skip


def _agreement(x: FloatArray) -> float:
    """Return by how many percent the bounds of resampled p99 lie from those of its exact bootstrap law, at most."""
    tails = (0.025, 0.975)
    drawn = np.quantile(resampled_quantiles(x, (0.99,), resamples=4000)[:, 0], tails)
    return float(100 * np.max(np.abs(drawn / np.quantile(quantile_law(x, 0.99, draws=100_000), tails) - 1)))


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
