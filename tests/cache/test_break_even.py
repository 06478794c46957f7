"""A level's break-even where the two stores give no line through both, and how such a gain is drawn."""

from __future__ import annotations

from perflab.experiments.strategies.caching.break_even import Turning, crossing, curve_rows
from perflab.report.figures.break_even import break_even


def test_where_a_miss_costs_no_more_at_the_other_store_nothing_is_crossed() -> None:
    assert crossing(1.0, 1.1, 0.9, 0.8) == float("inf")  # loses at the cheap store: no scale on which it could pay
    assert crossing(1.0, 0.9, 1.0, 0.5) == 0.0
    flat = Turning("cache=l1", -0.1, 0.1, -0.1, float("inf"), 0.0, float("inf"))
    assert flat.shown == "not told: a miss costs no more at the other store"
    figure = break_even(curve_rows([flat]), "Break-even", "miss (ms)", "saved (ms)", "ms", side="above")
    assert "cache=l1 never" in figure.alt


def test_a_gain_that_a_dearer_miss_lowers_is_drawn_as_one_in_part() -> None:
    falling = Turning("cache=l1", 0.1, -0.3, 1.0, 0.0, 0.0, 0.0)
    figure = break_even(curve_rows([falling]), "Break-even", "miss (ms)", "saved (ms)", "ms", side="above")
    assert "cache=l1 in part" in figure.alt
