"""Many comparisons at once say what one comparison says, row for row, and count it rightly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.stats.compare import compare_paired
from perflab.stats.operating import (
    grouped_comparisons,
    hodges_lehmann_rows,
    null_comparisons,
    operating,
    smallest_effect,
)
from perflab.stats.signed_rank import hodges_lehmann


@given(st.integers(6, 40), st.integers(0, 10_000))
def test_each_row_is_the_interval_of_one_comparison(n: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_t(3, (3, n)) * 0.02
    found = hodges_lehmann_rows(rows)
    for k, row in enumerate(rows):
        wide, narrow = hodges_lehmann(row), hodges_lehmann(row, 0.90)
        assert (found.value[k], found.low[k], found.high[k]) == (wide.value, wide.low, wide.high)
        assert (found.tost_low[k], found.tost_high[k]) == (narrow.low, narrow.high)


def test_rows_in_several_parts_are_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(1).normal(0, 0.02, (50, 12))
    whole = hodges_lehmann_rows(rows)
    monkeypatch.setattr("perflab.stats.operating.MOST_VALUES", 78 * 7)
    assert (hodges_lehmann_rows(rows).low == whole.low).all()


@pytest.mark.parametrize("effect", [0.0, 0.02, -0.05])
def test_counts_are_those_of_the_verdicts(effect: float) -> None:
    chance = np.random.default_rng(3)
    noise = chance.standard_t(3, (120, 15)) * 0.02
    verdicts = [compare_paired(np.ones(15), np.exp(row) * (1 + effect), lower_is_better=True, margin=0.02)
                for row in noise]  # fmt: skip
    seen = operating(hodges_lehmann_rows(noise), 15, effect, 0.02, planted=effect)
    assert seen.claims.events == sum(v.verdict in ("better", "worse") for v in verdicts)
    assert seen.differs.events == sum(v.low > 1 or v.high < 1 for v in verdicts)
    assert seen.covers.events == sum(v.low <= 1 + effect <= v.high for v in verdicts)
    right = [v for v in verdicts if (v.low > 1 if effect > 0 else v.high < 1)]
    assert seen.found.events == (len(right) if effect else 0) and seen.claims.n == 120


def test_resampled_noise_without_effect_is_called_different_one_time_in_twenty() -> None:
    measured = np.random.default_rng(5).standard_t(3, 400) * 0.02 + 0.01  # an offset that the random signs remove
    seen = operating(null_comparisons(measured, 15, 4000, 1), 15, 0.0, 0.02)
    assert 0.03 < seen.differs.value < 0.065 and seen.differs.low < 0.05 < seen.differs.high + 0.01
    assert abs(seen.covers.value + seen.differs.value - 1) < 1e-12


def test_power_grows_with_pairs_and_effect_and_meets_the_smallest_effect() -> None:
    measured = np.random.default_rng(6).normal(0, 0.03, 500)
    few, many = (null_comparisons(measured, n, 2000, 1) for n in (10, 30))
    power = [operating(few, 10, e, 0.02, planted=e).found.value for e in (0.01, 0.02, 0.05)]
    assert power == sorted(power) and power[-1] > 0.95
    assert smallest_effect(many) < smallest_effect(few)
    at = smallest_effect(many)
    assert abs(operating(many, 30, at, 0.02, planted=at).found.value - 0.80) < 0.06


def test_groups_do_not_overlap_and_the_rest_is_left_out() -> None:
    values = np.random.default_rng(7).normal(0, 0.02, 47)
    found = grouped_comparisons(values, 15)
    assert found.value.size == 3 and found.low[2] == hodges_lehmann(values[30:45]).low


@pytest.mark.parametrize("bad", [[0.0] * 30, [0.1] * 10, [float("nan")] * 30])
def test_noise_that_cannot_be_resampled_is_refused(bad: list[float]) -> None:
    with pytest.raises(StatisticError):
        null_comparisons(bad, 15, 10, 1)


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(StatisticError, match="Comparisons of 5 pairs"):
        hodges_lehmann_rows(np.zeros((2, 5)))
