"""The bootstrap over blocks: against numpy's quantiles, the exact law, planted truth, and bad input."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from perflab.errors import StatisticError
from perflab.stats.resample import _state, ratio_of_quantiles, resampled_quantile
from perflab.stats.resampling_kernel import draw_counts

RNG = np.random.default_rng(1)
X = RNG.lognormal(0, 1, 3000)
BLOCKS = [RNG.lognormal(0, 0.5, int(n)) for n in RNG.integers(80, 130, 15)]
OTHERS = [1.2 * RNG.lognormal(0, 0.5, int(n)) for n in RNG.integers(80, 130, 15)]


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


def repeated(blocks, rounds):
    """The units of each resample, written out: what the counts stand for."""
    counts, state = np.empty(len(blocks), dtype=np.uint16), _state(7)
    for _ in range(rounds):
        state = np.uint64(draw_counts(counts, state))
        yield np.concatenate([np.tile(block, int(k)) for block, k in zip(blocks, counts, strict=True)])


@pytest.mark.parametrize("q", [0.99, 0.5, 0.499, 0.9, 0.01, 0.05])
def test_quantiles_of_resampled_blocks_are_numpys(q):
    found = resampled_quantile(BLOCKS, q, resamples=100)
    assert found == pytest.approx([np.quantile(units, q) for units in repeated(BLOCKS, 100)], rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=6),
    st.sampled_from([0.3, 0.5, 0.9]),
)
def test_small_and_tied_blocks_too(blocks, q):
    found = resampled_quantile(blocks, q, resamples=100)
    assert found == pytest.approx([np.quantile(units, q) for units in repeated(blocks, 100)], abs=1e-9)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9, 0.99])
def test_single_values_follow_the_exact_law(q):
    """A resample's value of rank k is the sample at ceil(n U), U ~ Beta(k, n - k + 1)."""
    drawn, n, k = resampled_quantile(X, q, resamples=4000), X.size, math.ceil(q * X.size)
    places = np.ceil(n * np.random.default_rng(7).beta(k, n - k + 1, 100_000)).astype(np.int64) - 1
    grid = (0.025, 0.25, 0.5, 0.75, 0.975)
    assert np.quantile(drawn, grid) == pytest.approx(np.quantile(np.sort(X)[places], grid), rel=0.03, abs=0.006)


def test_intervals_agree_with_scipys_paired_bootstrap_over_blocks():
    ours = ratio_of_quantiles(BLOCKS, OTHERS, 0.9, resamples=4000)

    def ratio(chosen):
        before, after = (np.concatenate([arm[i] for i in chosen]) for arm in (BLOCKS, OTHERS))
        return np.quantile(after, 0.9) / np.quantile(before, 0.9)

    theirs = oracle.bootstrap((np.arange(15),), ratio, vectorized=False, method="percentile", n_resamples=1000,
                              rng=3).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    assert ours.value == pytest.approx(ratio(range(15)))
    assert ours.n == min(sum(map(len, arm)) for arm in (BLOCKS, OTHERS))


def test_what_both_arms_of_a_block_share_cancels():
    rng = np.random.default_rng(4)
    shared = np.exp(rng.normal(0, 0.5, 20))
    units = rng.lognormal(0, 0.3, (2, 20, 100))
    plain = ratio_of_quantiles(list(units[0]), list(units[1]), 0.9)
    moved = ratio_of_quantiles([*(shared[:, None] * units[0])], [*(shared[:, None] * units[1])], 0.9)
    alone = resampled_quantile(list(shared[:, None] * units[0]), 0.9)
    assert (moved.high - moved.low) < 3 * (plain.high - plain.low) < np.ptp(np.quantile(alone, (0.025, 0.975)))


@pytest.mark.slow
def test_the_planted_ratio_is_covered():
    rng, runs, hits = np.random.default_rng(5), 300, 0
    for seed in range(runs):
        block = rng.normal(0, 0.1, (1, 15, 1)) + rng.normal(0, 0.05, (2, 15, 1))
        arms = np.exp(block + rng.normal(0, 0.5, (2, 15, 80)))
        hits += not ratio_of_quantiles(list(arms[0]), list(1.1 * arms[1]), 0.99, resamples=400, seed=seed).excludes(1.1)
    assert 0.90 <= hits / runs <= 0.985


def test_the_seed_repeats():
    assert ratio_of_quantiles(BLOCKS, OTHERS, 0.5, seed=3) == ratio_of_quantiles(BLOCKS, OTHERS, 0.5, seed=3)
    assert ratio_of_quantiles(BLOCKS, OTHERS, 0.5, seed=3) != ratio_of_quantiles(BLOCKS, OTHERS, 0.5, seed=4)


def test_memory_does_not_grow_with_resamples():
    x = np.random.default_rng(2).random(50_000)
    resampled_quantile(x, 0.5, resamples=100)
    tracemalloc.start()
    resampled_quantile(x, 0.99, resamples=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * x.size


@pytest.mark.parametrize(
    ("blocks", "message"),
    [([], "0 blocks"), (BLOCKS[:9], "9 blocks.*at least 10"), ([[]] * 12, "0 values"), ([[3.0]] * 30, "constant"),
     ([[1.0, math.nan]] * 30, "block 0` holds NaN"), ([[1.0, 0.0]] * 30, "zero or below"), (["fast"] * 12, "numeric"),
     ([[1.0, 2.0]] * 12, "24 units.*at least 1000")],
)  # fmt: skip
def test_bad_arms_are_errors(blocks, message):
    for arms in ((blocks, OTHERS), (BLOCKS, blocks)):
        with pytest.raises(StatisticError, match=message):
            ratio_of_quantiles(*arms, 0.99)


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(StatisticError, match="15 blocks and `candidate` 14"):
        ratio_of_quantiles(BLOCKS, OTHERS[:14], 0.9)
    with pytest.raises(StatisticError, match="`q`"):
        resampled_quantile(X, 1.0)
    for count in (99, 10**7):
        with pytest.raises(StatisticError, match="resamples"):
            resampled_quantile(X, 0.5, resamples=count)
