"""The bootstrap: against the exact law, against scipy's, planted truth, and bad input."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats as oracle

from perflab.errors import StatisticError
from perflab.stats.resample import difference_of_means, quantile_law, ratio_of_quantiles, resampled_quantiles
from perflab.stats.resampling_kernel import draw_counts

RNG = np.random.default_rng(1)
X, Y = RNG.lognormal(0, 1, 3000), 1.2 * RNG.lognormal(0, 1, 2500)


@pytest.mark.parametrize("n", [1, 2, 7, 255, 256, 257, 1000])
def test_a_resample_is_n_draws_spread_evenly(n):
    counts, total, state = np.empty(n, dtype=np.uint16), np.zeros(n), np.uint64(99)
    rounds = 200_000 // n
    for _ in range(rounds):
        state = np.uint64(draw_counts(counts, state))
        assert counts.sum() == n
        total += counts
    if n > 1:
        assert oracle.chisquare(total).pvalue > 1e-4


@pytest.mark.parametrize("n", [5, 256, 257, 3000])
def test_quantiles_of_resamples_are_numpys(n):
    values, counts = np.sort(X[:n]), np.empty(n, dtype=np.uint16)
    from perflab.stats.resample import _state

    state, qs = _state(7, 0), (0.99, 0.5, 0.01, 0.5, 0.9)
    found = resampled_quantiles(X[:n], qs, resamples=100)
    for row in found:
        state = np.uint64(draw_counts(counts, state))
        assert row == pytest.approx(np.quantile(np.repeat(values, counts), qs), rel=1e-12)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_resampling_follows_the_exact_law(q):
    drawn = resampled_quantiles(X, (q,), resamples=4000)[:, 0]
    law = quantile_law(X, q, draws=100_000)
    grid = (0.025, 0.25, 0.5, 0.75, 0.975)
    assert np.quantile(drawn, grid) == pytest.approx(np.quantile(law, grid), rel=0.03)
    k = math.ceil(q * X.size)
    shares = [oracle.binom.sf(k - 1, X.size, (np.sort(X) <= v).mean()) for v in np.quantile(law, grid)]
    assert shares == pytest.approx(grid, abs=0.08)  # the law is discrete: one sample of p99 holds up to 7 % of it


def test_intervals_agree_with_scipys_bootstrap():
    ours = ratio_of_quantiles(X, Y, 0.9, resamples=4000)
    theirs = oracle.bootstrap((X, Y), lambda a, b, axis: np.quantile(b, 0.9, axis) / np.quantile(a, 0.9, axis),
                              method="percentile", n_resamples=2000, batch=200, rng=3).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    ours = difference_of_means(X, Y, resamples=4000)
    theirs = oracle.bootstrap((X, Y), lambda a, b, axis: b.mean(axis=axis) - a.mean(axis=axis), method="percentile",
                              n_resamples=2000, batch=200, rng=3).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    assert ours.value == pytest.approx(Y.mean() - X.mean())


@pytest.mark.slow
def test_the_planted_ratio_and_difference_are_covered():
    rng, runs, hits = np.random.default_rng(5), 400, [0, 0]
    for seed in range(runs):
        x, y = rng.lognormal(0, 0.5, 400), 1.1 * rng.lognormal(0, 0.5, 500)
        hits[0] += not ratio_of_quantiles(x, y, 0.9, resamples=500, seed=seed).excludes(1.1)
        hits[1] += not difference_of_means(x, y, resamples=500, seed=seed).excludes(0.1 * math.exp(0.125))
    assert all(0.90 <= hit / runs <= 0.985 for hit in hits)


def test_the_seed_repeats_and_arms_are_independent():
    assert ratio_of_quantiles(X, Y, 0.5, seed=3) == ratio_of_quantiles(X, Y, 0.5, seed=3)
    assert ratio_of_quantiles(X, Y, 0.5, seed=3) != ratio_of_quantiles(X, Y, 0.5, seed=4)
    first, second = (resampled_quantiles(X, (0.5,), stream=k)[:, 0] for k in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    joint = resampled_quantiles(X, (0.5, 0.501))
    assert np.corrcoef(joint[:, 0], joint[:, 1])[0, 1] > 0.9


def test_memory_does_not_grow_with_resamples():
    x = np.random.default_rng(2).random(50_000)
    resampled_quantiles(x, (0.5,), resamples=100)
    tracemalloc.start()
    resampled_quantiles(x, (0.5, 0.99), resamples=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * x.size


@pytest.mark.parametrize("function", [lambda x, y: ratio_of_quantiles(x, y, 0.5), difference_of_means])
@pytest.mark.parametrize(
    ("x", "message"),
    [([], "0 values"), ([1.0], "constant|1 value"), ([3.0] * 50, "constant"), ([1.0, math.nan] * 30, "NaN"),
     (np.arange(1.0, 20), "at least 20")],
)  # fmt: skip
def test_bad_arms_are_errors(function, x, message):
    for arms in ((x, Y), (X, x)):
        with pytest.raises(StatisticError, match=message):
            function(*arms)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(StatisticError, match="at least 1000"):
        ratio_of_quantiles(X[:999], Y, 0.99)
    with pytest.raises(StatisticError, match="zero or below"):
        ratio_of_quantiles(X - 1, Y, 0.5)
    with pytest.raises(StatisticError, match="`q`"):
        resampled_quantiles(X, (1.0,))
    for count in (99, 10**7):
        with pytest.raises(StatisticError, match="resamples"):
            difference_of_means(X, Y, resamples=count)
    with pytest.raises(StatisticError, match="NaN"):
        quantile_law([1.0, math.nan], 0.5)
