"""Warm-up on planted traces: where it ends, that it never ends, and that nothing is found in a flat one."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perflab.benches.stats.warmup import AT, N, noisy
from perflab.benches.stats.warmup import SHAPES as PLANTED
from perflab.errors import StatisticError
from perflab.stats.segments import change_indexes, running_median
from perflab.stats.warmup import find_warm_up

SHAPES = PLANTED | {"restless": 1 + 0.3 * (AT // 60)}


def trace(shape, rng):
    return noisy(SHAPES[shape], rng)


def found(shape, runs=100, seed=21):
    rng = np.random.default_rng(seed)
    return [find_warm_up(trace(shape, rng)) for _ in range(runs)]


@pytest.mark.parametrize(("shape", "true"), [("step", 50), ("two steps", 90)])
def test_steps_are_cut_where_they_are(shape, true):
    seen = found(shape)
    assert sum(abs(w.cut - true) <= 5 for w in seen) >= 90
    assert sum(w.steady for w in seen) >= 90


def test_a_flat_trace_has_no_warm_up():
    assert sum(w.cut <= 0.05 * N for w in found("flat")) >= 90


def test_a_late_shift_is_named_with_its_size():
    seen = found("late shift")
    assert sum(w.state == "late shift" for w in seen) >= 95
    assert "+8" in seen[0].explanation or "+7" in seen[0].explanation


def test_a_trace_that_goes_on_changing_is_never_steady():
    seen = found("restless", runs=20)
    assert all(w.state == "never steady" and not w.steady for w in seen)


def test_what_a_slow_approach_leaves_is_small():
    assert abs(np.mean([w.level - 1 for w in found("slow")])) < 0.01


def test_marks_keep_every_sample():
    warm = found("step", 1)[0]
    assert warm.marks.size == N and warm.marks.sum() == warm.cut and not warm.marks[warm.cut :].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 120), st.integers(10, 100), st.floats(0.2, 50), st.floats(1.1, 9))
def test_a_noiseless_step_is_found_exactly_at_any_scale(before, after, level, ratio):
    x = np.r_[np.full(before, level * ratio), np.full(after, level)]
    warm = find_warm_up(x)
    assert warm.cut == before and warm.level == pytest.approx(level)
    assert warm.steady == (before <= (before + after) / 2)


def brute_force(x, penalty, shortest):
    """The same optimum by looking at every split: O(n^2) without pruning."""
    n, best, last = x.size, [-penalty], [0]
    for t in range(1, n + 1):
        options = [(best[s] + float(((x[s:t] - x[s:t].mean()) ** 2).sum()) + penalty, s)
                   for s in range(t) if t - s >= shortest and best[s] < math.inf]  # fmt: skip
        value, place = min(options, default=(math.inf, 0))
        best.append(value)
        last.append(place)
    return best[n], last


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, st.integers(12, 45), elements=st.floats(-3, 3).map(lambda v: round(v, 2))), st.integers(2, 5)
)
def test_pruning_loses_nothing(x, shortest):
    """The cost of the split that is found equals the least cost over all splits."""
    from perflab.stats.segments import _fit, _trace

    penalty = 1.5
    least, _ = brute_force(x, penalty, shortest)
    changes = (0, *_trace(_fit()(x, penalty, shortest)), x.size)
    parts = [x[a:b] for a, b in pairwise(changes)]
    assert all(part.size >= shortest for part in parts)
    cost = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + penalty * (len(parts) - 1)
    assert cost == pytest.approx(least, abs=1e-6)


def test_running_median_drops_a_spike_and_keeps_a_step():
    x = np.r_[np.ones(20), np.full(20, 3.0)]
    spiked = x.copy()
    spiked[7] = 90
    assert (running_median(spiked) == x).all()
    assert change_indexes(x) == (20,)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([1.0] * 19, "at least 20"),
        ([1.0] * 19 + [math.nan], "NaN"),
        ([1.0] * 19 + [0.0], "zero or below"),
        ([[1.0] * 20] * 2, "dimensions"),
        ([], "0 values"),
    ],
)
def test_what_cannot_have_a_warm_up_is_refused(x, said):
    with pytest.raises(StatisticError, match=said):
        find_warm_up(x)


def test_a_long_series_is_searched_in_groups_and_cut_to_the_nearest():
    x = np.random.default_rng(4).lognormal(0, 0.2, 200_000)
    assert find_warm_up(x).cut == 0
    x[:30_000] *= 2.0
    warm = find_warm_up(x)
    assert abs(warm.cut - 30_000) <= 3 * 50 and warm.steady and warm.n == x.size == warm.marks.size
    assert warm.level == pytest.approx(1.0, rel=0.01)


def test_a_constant_series_is_steady():
    assert find_warm_up(np.full(40, 7.0)).cut == 0
