"""A bar that counts what goes wrong misses a function that does nothing, as it misses one that does it wrong."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.benches.stats import quantiles, recording
from perflab.errors import StatisticError
from perflab.stats.recorder import Recorder


def test_intervals_that_are_always_refused_miss_the_bar_of_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quantiles._refusal_bar(0.5, 6).holds
    assert not quantiles._refusal_bar(0.5, 7).holds  # six samples are enough for two sides of a median

    def never(samples: object, qs: object) -> None:
        raise StatisticError("too few samples")

    monkeypatch.setattr(quantiles, "order_statistic_intervals", never)
    bar = quantiles._refusal_bar(0.5, 6)
    assert bar.value == 1.0 and not bar.holds


@pytest.mark.parametrize("wrong", ["", "sum", "maximum"])
def test_a_sum_or_a_maximum_that_is_wrong_misses_the_bar_of_what_lies_outside(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    values = np.arange(1, 10_001, dtype=np.int64)
    if wrong == "maximum":
        monkeypatch.setattr(Recorder, "maximum", property(lambda self: 10_000))
    bar = recording._outside(values, int(values.sum()) + (wrong == "sum"))
    assert bar.holds is not bool(wrong) and bar.value == float(bool(wrong))
