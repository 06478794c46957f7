"""Agreement of rankings against scipy and by hand; bootstrap intervals against the binomial spread."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from perflab.instrument.agreement import agree, draw_shares, rank_biased_overlap, rank_intervals, tau_b


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=30))
def test_tau_b_is_scipys(pairs):
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    ours, theirs = tau_b(x, y), kendalltau(x, y).statistic
    assert (math.isnan(ours) and math.isnan(theirs)) or ours == pytest.approx(theirs, abs=1e-12)


@given(st.permutations(list("abcdefgh")), st.permutations(list("abcdefgh")))
def test_rank_biased_overlap_is_symmetric_and_between_0_and_1(left, right):
    found = rank_biased_overlap(left, right)
    assert found == pytest.approx(rank_biased_overlap(right, left)) and 0 <= found <= 1 + 1e-12
    assert rank_biased_overlap(left, left) == pytest.approx(1.0)


def test_rank_biased_overlap_by_hand():
    # depth 2, p = 0.8: A1 = 0, A2 = 1: (0.2 / 0.8) * (0 * 0.8 + 1 * 0.64) + 1 * 0.64
    assert rank_biased_overlap(["a", "b"], ["b", "a"]) == pytest.approx(0.25 * 0.64 + 0.64)
    assert rank_biased_overlap(["a"], ["b"]) == 0
    assert math.isnan(rank_biased_overlap([], ["b"]))


def test_small_shares_do_not_count_in_tau():
    found = agree(
        ("x", {"a": 0.6, "b": 0.3, "c": 0.01, "d": 0.005}), ("y", {"a": 0.6, "b": 0.3, "d": 0.01, "c": 0.005})
    )
    assert (found.tau, found.keys, found.overlap, found.same_first) == (1.0, 2, 1.0, True)


def test_intervals_have_the_binomial_width_and_order_the_clear_ones():
    keys, drawn = draw_shares({"a": 0.5, "b": 0.3, "c": 0.2}, 1000, seed=3, draws=4000)
    found = rank_intervals(keys, drawn)
    half = 1.96 * math.sqrt(0.5 * 0.5 / 1000)
    assert found["a"][:2] == (pytest.approx(0.5 - half, abs=0.004), pytest.approx(0.5 + half, abs=0.004))
    assert [found[key][2:] for key in "abc"] == [(1, 1), (2, 2), (3, 3)]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8), st.integers(1, 500))
def test_draws_never_leave_their_range(weights, n):
    total = sum(weights.values()) + 0.1
    keys, drawn = draw_shares({k: v / total for k, v in weights.items()}, n, seed=1, draws=20)
    assert drawn.shape == (20, len(keys)) and np.all(drawn >= 0) and np.all(drawn.sum(axis=1) <= 1 + 1e-9)
