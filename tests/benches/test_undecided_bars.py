"""A bar has no value where the measurement was refused, the units failed, or the writer was never killed."""

from __future__ import annotations

import pytest

from perflab.benches.gateway import Climb, capacity_bars, response_bar
from perflab.benches.state.lost import ACKNOWLEDGED, Loss, lost_bar
from perflab.experiments.ladder import Level
from perflab.stats.interval import Interval


def level(failed: int) -> Level:
    p95 = Interval(900.0, 850.0, 950.0, 0.95, 500, "sectioning")
    return Level("hold", 100, 18.0, 500, p95, p95, None, 20.0, 60.0, 90.0, failed, 500)


def test_a_p95_of_the_turns_that_were_left_is_none():
    assert response_bar("1", "t", level(0), []).holds
    doubted = response_bar("1", "t", level(250), ["250 of 500 turns failed"])
    assert doubted.value is None and not doubted.holds and "250 of 500" in doubted.detail["reason"]


def test_the_interval_of_a_ratio_reaches_to_the_levels_that_did_not_hold():
    sessions, ratio = capacity_bars(Climb(100, 150), Climb(300, 400))
    assert sessions.value == 300 and sessions.interval == (300, 400)
    assert ratio.value == 3.0 and ratio.interval == (2.0, 4.0)


@pytest.mark.parametrize(
    ("baseline", "optimised", "values"),
    [
        (Climb(100, 150), Climb(400), (400, 4.0)),  # the ladder ended first: no bound above
        (Climb(50, 75, "load generator on time"), Climb(400), (400, None)),
        (Climb(100, 150), Climb(200, 300, "load generator on time"), (None, None)),
        (Climb(0, 25), Climb(400), (400, None)),
    ],
)
def test_a_refused_level_neither_holds_nor_fails(baseline, optimised, values):
    bars = capacity_bars(baseline, optimised)
    assert tuple(bar.value for bar in bars) == values
    assert all(bar.interval is None for bar in bars if bar.value is None or optimised.above is None)


@pytest.mark.parametrize(("heard", "value"), [(ACKNOWLEDGED, 0.0), (ACKNOWLEDGED + 7, 0.0), (3, None), (0, None)])
def test_a_writer_that_ended_by_itself_lost_nothing_that_counts(heard, value):
    losses = [Loss(ACKNOWLEDGED, 0, 0.0, True), Loss(heard, 0, 0.0, True)]
    assert lost_bar("l", "t", losses, 0.0, "==", 0, "writes", 2).value == value
