"""Change points: planted truth, stationary noise, a plain oracle of the statistic, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from perflab.errors import StatisticError
from perflab.stats.change_points import candidate, change_points, fewest_points
from perflab.stats.rank_cusum import centred_ranks, largest_step, permutation_p, split_weights


def level(rng: np.random.Generator, n: int, at: float = 100.0, sigma: float = 0.02) -> np.ndarray:
    return at * np.exp(rng.normal(0, sigma, n))


def test_planted_steps_are_found_where_they_are():
    rng = np.random.default_rng(1)
    x = np.concatenate([level(rng, 60), level(rng, 50, 108), level(rng, 70, 95)])
    found = change_points(x)
    assert [abs(c.index - at) <= 3 for c, at in zip(found, (60, 110), strict=True)] == [True, True]
    assert found[0].change == pytest.approx(0.08, abs=0.015) and found[1].before == pytest.approx(108, rel=0.01)
    assert all(c.p_value <= 0.001 for c in found)


def test_an_up_and_a_down_that_cancel_in_the_median_are_both_found():
    rng = np.random.default_rng(2)
    x = np.concatenate([level(rng, 60), level(rng, 60, 110), level(rng, 60)])
    assert [round(c.index, -1) for c in change_points(x)] == [60, 120]


@pytest.mark.parametrize("kind", ["normal", "t3", "spiky"])
def test_stationary_series_stay_silent(kind):
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(60):
        x = rng.standard_t(3, 200) * 0.0115 if kind == "t3" else rng.normal(0, 0.02, 200)
        x += (kind == "spiky") * (rng.random(200) < 0.03) * rng.exponential(0.3, 200)
        false += bool(change_points(100 * np.exp(x)))
    assert false <= 2  # at a true rate of 0.1 % more than two in sixty has a chance of 4e-5


def test_a_change_below_the_magnitude_is_not_reported():
    rng = np.random.default_rng(4)
    x = np.concatenate([level(rng, 80, 100, 0.001), level(rng, 80, 101, 0.001)])
    assert change_points(x) == () and len(change_points(x, magnitude=0.005)) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=8, max_size=40))
def test_ranks_and_statistic_agree_with_the_oracle(values):
    x = np.array(values, dtype=float)
    ranks = centred_ranks(x)
    assert ranks == pytest.approx(rankdata(x) - rankdata(x).mean())
    n = x.size
    by_hand = [abs(ranks[:k].sum()) / math.sqrt(k * (n - k)) for k in range(4, n - 3)]
    seen, k = largest_step(ranks, split_weights(n), 4)
    assert seen == pytest.approx(max(by_hand)) and by_hand[k - 4] == pytest.approx(max(by_hand))


def test_the_permutation_p_agrees_with_numpys_shuffles():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0, 1, 12), rng.normal(0.7, 1, 12)])
    ranks, weights = centred_ranks(x), split_weights(24)
    seen, _ = largest_step(ranks, weights, 4)
    theirs = np.mean([largest_step(rng.permutation(ranks), weights, 4)[0] >= seen - 1e-9 for _ in range(4000)])
    ours = permutation_p(ranks, weights, 4, seen, 4000, 4000, 7)
    assert ours == pytest.approx(theirs, abs=0.035)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 1000), st.integers(14, 60))
def test_scale_does_not_matter_and_the_seed_repeats(seed, scale, n):
    rng = np.random.default_rng(seed)
    x = np.concatenate([level(rng, n), level(rng, n, 110)])
    found = change_points(x, seed=seed % 1000)
    assert found == change_points(x, seed=seed % 1000)
    assert [c.index for c in change_points(x * scale, seed=seed % 1000)] == [c.index for c in found]


def test_a_level_of_zero_has_an_infinite_change():
    found = change_points([0.0] * 10 + [1.0, 2.0] * 10)
    assert [c.change for c in found] == [math.inf]


def test_fewest_points_is_where_the_arrangements_suffice():
    assert fewest_points(0.001) == 14
    assert 2 / math.comb(14, 7) <= 0.001 < 2 / math.comb(13, 6)


@pytest.mark.parametrize(
    ("x", "times", "said"),
    [
        ([1.0, float("nan")] * 10, None, "NaN"),
        ([3.0] * 20, None, "constant"),
        ([1.0], None, "holds 1 value"),
        ([], None, "holds 0 values"),
        (list(range(20)), [*range(10), 5, *range(11, 20)], "falls at point 10"),
        (list(range(20)), [1.0], "each point needs its time"),
    ],
)
def test_bad_input_is_an_error_that_says_why(x, times, said):
    with pytest.raises(StatisticError, match=said):
        change_points(x, times=times)


def test_a_candidate_is_named_within_a_few_points_and_only_then():
    rng = np.random.default_rng(6)
    seen, calm = 0, 0
    for _ in range(200):
        before = level(rng, 40)
        calm += candidate(before) is not None
        found = candidate(np.concatenate([before, level(rng, 3, 115)]))
        seen += found is not None and found.index >= 37 and found.change > 0
    assert seen >= 195 and calm <= 4


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([1.0, float("nan")] * 10, "NaN"),
        ([2.0] * 12, "constant"),
        ([1.0] * 3, "at least"),
        ([1.0] * 11 + [2.0], "equal"),
    ],
)
def test_a_candidate_from_bad_input_is_an_error(x, said):
    with pytest.raises(StatisticError, match=said):
        candidate(x)
