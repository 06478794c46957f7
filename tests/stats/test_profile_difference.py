"""Differences of profiles: they cover what was planted, and length and rate of a capture cancel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.stats.dispersion import moderated_dispersion
from perflab.stats.profile_difference import difference_per_unit, share_error, simultaneous_bounds

SHARES = 1.0 / np.arange(1, 21) ** 1.2
BASE = 100.0 * SHARES / SHARES.sum()  # us per unit of 20 functions


def captures(rng: np.random.Generator, cost: np.ndarray, n: int, samples: int, factor: float = 1.0) -> np.ndarray:
    """Counts of n captures; `factor` is their variance over the multinomial's."""
    share = cost / cost.sum()
    rows = []
    for _ in range(n):
        drawn = rng.gamma(samples * share / (factor - 1)) if factor > 1 else share
        rows.append(rng.multinomial(samples, drawn / drawn.sum()))
    return np.array(rows)


def compared(rng, before, after, n=3, samples=(300, 300), noise=0.02, common=0.05, factor=1.0):
    shared = np.exp(rng.normal(0, common, n))
    costs = [arm.sum() * shared * np.exp(rng.normal(0, noise, n)) for arm in (before, after)]
    counts = [captures(rng, arm, n, size, factor) for arm, size in zip((before, after), samples, strict=True)]
    return difference_per_unit(*counts, *costs, draws=4000, seed=int(rng.integers(2**31)))


@pytest.mark.parametrize(
    ("n", "samples", "factor"), [(3, (300, 300), 1.0), (6, (300, 300), 2.0), (4, (150, 1000), 1.0)]
)
def test_no_row_is_false_in_95_of_100_comparisons_of_a_thing_with_itself(n, samples, factor):
    rng = np.random.default_rng(5)
    found = [compared(rng, BASE, BASE, n, samples, factor=factor) for _ in range(40)]
    any_false = sum(bool(each.changed.any()) for each in found)
    assert any_false <= 6  # 2 expected at 5 %; P(more than 6 | 5 %) = 0.3 %
    assert np.mean([each.changed.mean() for each in found]) < 0.02


def test_a_planted_change_is_found_and_all_truths_are_covered_together():
    rng, planted = np.random.default_rng(6), BASE.copy()
    planted[2] += 25.0
    found = [compared(rng, BASE, planted, n=6, samples=(500, 500), noise=0.01) for _ in range(40)]
    truth = planted - BASE
    covered = sum(bool(((each.low <= truth) & (truth <= each.high)).all()) for each in found)
    assert covered >= 33  # 38 expected
    assert sum(bool(each.changed[2]) for each in found) >= 38


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
def test_two_pairs_whatever_their_spread_have_an_interval(spread):
    rng, counts = np.random.default_rng(9), captures(np.random.default_rng(1), BASE, 2, 300)
    for _ in range(40):  # the covariance of two pairs has rank 1, rounded to either side
        costs = 100 * np.exp(rng.normal(0, spread, (2, 2)))
        found = difference_per_unit(counts, counts, *costs, draws=200)
        assert np.isfinite(found.low).all() and found.total.low <= found.total.value <= found.total.high


def test_run_to_run_noise_widens_the_interval():
    rng, counts = np.random.default_rng(7), captures(np.random.default_rng(1), BASE, 4, 400)
    quiet = difference_per_unit(counts, counts, [100, 101, 99, 100], [100, 100, 101, 99], draws=4000)
    noisy = difference_per_unit(counts, counts, [100, 120, 80, 100], [100, 90, 125, 85], draws=4000)
    assert (noisy.high - noisy.low)[0] > 1.5 * (quiet.high - quiet.low)[0]
    assert rng is not None


@given(rate=st.sampled_from([1, 2, 4]), longer=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_doubling_rate_or_length_does_not_move_the_estimate(rate, longer, seed):
    rng = np.random.default_rng(seed)
    counts = captures(rng, BASE, 3, 200)
    one = difference_per_unit(counts, counts[::-1], [90, 100, 110], [95, 105, 99], draws=200)
    other = difference_per_unit(counts * rate * longer, counts[::-1], [90, 100, 110], [95, 105, 99], draws=200)
    np.testing.assert_allclose(one.difference, other.difference, rtol=1e-9, atol=1e-9)


def test_unlike_numbers_of_captures_and_a_single_pair():
    rng = np.random.default_rng(8)
    found = difference_per_unit(captures(rng, BASE, 1, 800), captures(rng, BASE, 1, 400), [100], [101], draws=4000)
    assert found.assumed_noise == 0.03 and not found.changed.any()
    wide = difference_per_unit(captures(rng, BASE, 1, 800), captures(rng, BASE, 1, 400), [100], [101], draws=4000,
                               assumed_noise=0.3)  # fmt: skip
    assert (wide.high - wide.low)[0] > (found.high - found.low)[0]


def test_estimates_are_share_times_cost_and_sum_to_the_total():
    found = difference_per_unit([[30, 70], [60, 140]], [[50, 50], [50, 50]], [10, 10.2], [20, 20.2], draws=500)
    np.testing.assert_allclose(found.baseline, [0.3 * 10.1, 0.7 * 10.1])
    np.testing.assert_allclose(found.candidate, [0.5 * 20.1, 0.5 * 20.1])
    assert found.difference.sum() == pytest.approx(found.total.value)


@pytest.mark.parametrize(
    ("counts", "costs", "words"),
    [
        ([[0, 0]], [1.0], "without samples"),
        ([[1, -1]], [1.0], "negative"),
        ([1, 2], [1.0], "shape"),
        ([[1, 2]], [0.0], "zero or below"),
        ([[1, 2, 3]], [1.0], "functions"),
        ([[1, 2]], [], "0 values"),
    ],
)
def test_bad_input_is_named(counts, costs, words):
    with pytest.raises(StatisticError, match=words):
        difference_per_unit(counts, [[1, 2]], costs, costs, draws=10)


def test_dispersion_is_never_below_one_and_sees_clumps():
    rng = np.random.default_rng(9)
    calm = [captures(rng, BASE, 6, 400) for _ in range(2)]
    assert moderated_dispersion(calm).factor.min() >= 1.0
    clumped = [arm.astype(float) for arm in calm]
    clumped[0][:, 4] = [0, 90, 0, 0, 80, 0]
    assert moderated_dispersion(clumped).factor[4] > 10
    assert moderated_dispersion(clumped).factor[0] < 3


def test_simultaneous_bounds_hold_the_asked_share_of_draws():
    drawn = np.random.default_rng(10).normal(size=(5000, 8)) * np.arange(1, 9)
    low, high = simultaneous_bounds(drawn, 0.9)
    assert ((drawn >= low) & (drawn <= high)).all(axis=1).mean() == pytest.approx(0.9, abs=0.01)
    np.testing.assert_allclose((high - low) / np.arange(1, 9), (high - low)[0], rtol=0.2)


def test_share_error_is_the_binomials():
    assert share_error(np.array([0.25]), 4000)[0] == pytest.approx(np.sqrt(0.25 * 0.75 / 4000), rel=0.01)
    assert share_error(np.array([0.0]), 100)[0] > 0
