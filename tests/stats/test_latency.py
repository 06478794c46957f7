"""Quantile intervals: exact ranks, the fewest samples, sectioning under dependence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as oracle

from perflab.errors import StatisticError
from perflab.stats.latency import (
    minimum_n,
    order_statistic_interval,
    section_minimum_n,
    sectioned_mean,
    sectioned_quantile,
    trial_interval,
)

POSITIVE = hnp.arrays(np.float64, st.integers(120, 400), elements=st.floats(0.1, 1e4), unique=True)


@pytest.mark.parametrize(
    ("q", "n"), [(0.90, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.9999, 36887), (0.01, 368), (0.5, 6)]
)
def test_fewest_samples_for_two_sides(q, n):
    assert minimum_n(q) == n


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [400, 1000, 5000])
def test_exact_interval_is_scipys(q, n):
    x = np.random.default_rng(n).lognormal(size=n)
    ours = order_statistic_interval(x, q)
    theirs = oracle.quantile_test(x, q=np.quantile(x, q), p=q).confidence_interval(0.95)
    assert (ours.low, ours.high) == (theirs.low, theirs.high)
    assert ours.confidence >= 0.95


@pytest.mark.parametrize(("q", "n"), [(0.99, 367), (0.999, 3687), (0.95, 71)])
def test_upper_bound_is_refused_below_the_fewest_samples(q, n):
    found = order_statistic_interval(np.random.default_rng(1).random(n), q)
    assert found.high is None and found.low is not None and not found.two_sided
    assert found.confidence >= 0.95 and "lower bound only" in found.method
    assert order_statistic_interval(np.random.default_rng(1).random(n + 1), q).two_sided


def test_low_quantile_of_few_samples_keeps_its_upper_bound():
    found = order_statistic_interval(np.arange(20.0), 0.01)
    assert found.low is None and found.high is not None


def test_one_or_two_values_bound_nothing():
    with pytest.raises(StatisticError, match="no bound"):
        order_statistic_interval([1.0, 2.0], 0.5)


@settings(max_examples=50, deadline=None)
@given(POSITIVE, st.sampled_from([(0.5, 0.9), (0.25, 0.5), (0.9, 0.95), (0.95, 0.99)]))
def test_higher_quantile_never_lies_lower(x, pair):
    first, second = (order_statistic_interval(x, q) for q in pair)
    assert first.value <= second.value
    assert first.low <= second.low
    if first.high is not None and second.high is not None:
        assert first.high <= second.high
    for found in (first, second):
        assert found.low <= found.value
        assert found.high is None or found.value <= found.high


@pytest.mark.slow
@pytest.mark.parametrize(("n", "q"), [(1000, 0.5), (1000, 0.95), (1000, 0.99)])
def test_coverage_of_exact_interval(n, q):
    rng, truth, runs = np.random.default_rng(4), float(oracle.lognorm(1).ppf(q)), 2000
    hits = sum(not order_statistic_interval(rng.lognormal(size=n), q).excludes(truth) for _ in range(runs))
    assert 0.93 <= hits / runs <= 0.985


def ar1(rng, n, phi):
    from scipy.signal import lfilter

    shocks = rng.normal(size=n) * math.sqrt(1 - phi**2)
    shocks[0] = rng.normal()
    return lfilter([1.0], [1.0, -phi], shocks)


@pytest.mark.slow
def test_sectioning_covers_where_the_naive_interval_fails():
    rng, truth, runs = np.random.default_rng(8), float(oracle.norm.ppf(0.95)), 250
    sectioned = naive = 0
    for _ in range(runs):
        x = ar1(rng, 20_000, 0.98)
        sectioned += not sectioned_quantile(x, 0.95).excludes(truth)
        naive += not order_statistic_interval(x, 0.95).excludes(truth)
    assert sectioned / runs >= 0.89
    assert naive / runs <= 0.60


def test_sectioned_interval_is_centred_on_the_whole_run():
    x = np.random.default_rng(5).lognormal(size=4000)
    found = sectioned_quantile(x, 0.95)
    assert found.value == pytest.approx(np.quantile(x, 0.95))
    assert (found.low + found.high) / 2 == pytest.approx(found.value)
    positive = sectioned_quantile(x, 0.95, log=True)
    assert positive.value == pytest.approx(found.value, rel=1e-3) and positive.low > 0
    assert math.sqrt(positive.low * positive.high) == pytest.approx(positive.value)


def test_sections_need_samples_of_their_own():
    assert section_minimum_n(0.95) == 200 and section_minimum_n(0.99) == 1000 and section_minimum_n(0.5) == 20
    with pytest.raises(StatisticError, match="at least 1000"):
        sectioned_quantile(np.arange(999.0), 0.99)
    with pytest.raises(StatisticError, match="`sections`"):
        sectioned_quantile(np.arange(999.0), 0.5, sections=3)


def test_mean_of_a_run_and_of_trials():
    x = np.random.default_rng(6).normal(60, 5, 600)
    found = sectioned_mean(x)
    assert found.low < 60 < found.high and found.value == pytest.approx(x.mean())
    trials = np.array([10.0, 11.0, 12.0, 9.0])
    low, high = oracle.t.interval(0.95, 3, trials.mean(), oracle.sem(trials))
    found = trial_interval(trials)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("function", [order_statistic_interval, sectioned_quantile])
@pytest.mark.parametrize(
    ("x", "message"), [([], "0 values"), ([1.0] * 900, "constant"), ([1.0, math.nan] * 600, "NaN"), ([[1.0]], "dim")]
)
def test_bad_series_are_errors(function, x, message):
    with pytest.raises(StatisticError, match=message) as caught:
        function(x, 0.5)
    assert "`x`" in str(caught.value)


@pytest.mark.parametrize("q", [0.0, 1.0, -1, 2, math.nan])
def test_quantile_must_be_a_probability(q):
    with pytest.raises(StatisticError, match="`q`"):
        order_statistic_interval(np.arange(100.0), q)
