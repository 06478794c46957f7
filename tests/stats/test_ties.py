"""Values that hardly vary: a width of zero shows the instrument's resolution, and no verdict rests on it."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.errors import StatisticError
from perflab.stats.compare import compare_differences, compare_paired
from perflab.stats.latency import order_statistic_interval, sectioned_mean, sectioned_quantile
from perflab.stats.signed_rank import hodges_lehmann, tied_step

TIED = [0.0] * 19 + [0.5]
BASE = 50 + np.arange(20.0)


@pytest.mark.parametrize("steps", [TIED, [0.1] * 19 + [0.7], [0.3 - 0.2] * 10 + [0.1] * 9 + [4.0]])
def test_bounds_that_are_one_value_are_refused(steps):
    with pytest.raises(StatisticError, match="finer resolution"):
        hodges_lehmann(steps)
    assert tied_step(steps) == pytest.approx(np.median(steps))


def test_values_that_vary_have_no_tied_step():
    assert tied_step(np.random.default_rng(1).normal(size=20)) is None
    assert tied_step([0.0] * 4) is None  # too few for any interval


def test_no_verdict_is_made_of_ties():
    with pytest.raises(StatisticError, match="finer resolution"):
        compare_differences(BASE, BASE + TIED, lower_is_better=True, margin=1.0, unit="ms")
    with pytest.raises(StatisticError, match="finer resolution"):
        compare_paired(BASE, BASE * np.exp(TIED), lower_is_better=True, margin=0.05)


@pytest.mark.parametrize(("step", "verdict"), [(0.0, "worse"), (0.5, "worse"), (3.0, "untrusted"), (-3.0, "untrusted")])
@pytest.mark.parametrize("whole", [True, False])
def test_a_null_arm_that_is_tied_speaks_by_its_step(step, verdict, whole):
    null = BASE + step + (0 if whole else np.array(TIED))
    after = BASE + 5 + np.random.default_rng(2).normal(0, 0.1, 20)
    found = compare_differences(BASE, after, lower_is_better=True, margin=1.0, unit="ms", null_arm=null)
    assert found.verdict == verdict and found.null_effect == pytest.approx(step)


def test_a_null_arm_whose_own_verdict_is_worse_voids_though_its_estimate_is_within_the_margin():
    steps = np.abs(np.random.default_rng(3).normal(0.03, 0.02, 12)) + 0.001
    base = BASE[:12]
    alone = compare_paired(base, base * np.exp(steps), lower_is_better=True, margin=0.04)
    assert alone.verdict == "worse" and alone.effect < 1.04 and alone.false_alarm
    said = compare_paired(base, base * 0.5 * np.exp(steps[::-1]), lower_is_better=True, margin=0.04,
                          null_arm=base * np.exp(steps))  # fmt: skip
    assert said.verdict == "untrusted"


def test_sections_that_are_all_alike_bound_nothing_but_two_equal_samples_may():
    """An order statistic is a statement on the quantile of any distribution; a t interval needs a spread."""
    rare = [5.0] * 999 + [6.0]
    found = order_statistic_interval(rare, 0.5)
    assert (found.low, found.high) == (5.0, 5.0)
    for log in (False, True):
        with pytest.raises(StatisticError, match="finer resolution"):
            sectioned_quantile(rare, 0.5, log=log)
    with pytest.raises(StatisticError, match="finer resolution"):
        sectioned_mean([4.0, 6.0] * 100)
