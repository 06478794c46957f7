"""Series hold like with like; what cannot be computed says why; a move to the worse is a suspect."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from perflab.errors import NotComparable, StatisticError
from perflab.history.row import Row
from perflab.history.sketch import BARS, marks, spark
from perflab.history.timeline import timeline, timelines, unjudged_sentence
from perflab.history.wording import figure_text, move_text

BASE = Row(
    run_id="r", time=datetime(2026, 1, 1), commit="c", system="shop", digest="d", variant="optimised", effort="quick",
    domain="shop", metric="CPU per turn", scenario="", condition="", unit="ms", value=1.0, low=0.9, high=1.1, n=6,
    lower_is_better=True, level="measured-quick", trusted=True, fingerprint="f1",
)  # fmt: skip


def rows(values, **changes) -> list[Row]:
    start = BASE.time
    return [
        replace(BASE, run_id=f"r{i}", commit=f"c{i}", time=start + timedelta(hours=i), value=float(v), **changes)
        for i, v in enumerate(values)
    ]


def noisy(n: int, level: float, seed: int) -> list[float]:
    return (level * np.exp(np.random.default_rng(seed).normal(0, 0.01, n))).tolist()


def test_a_planted_step_is_a_change_point_and_an_old_one_no_suspect():
    found = timeline(rows([*noisy(30, 50, 1), *noisy(30, 55, 2)]))
    assert [abs(c.index - 30) <= 2 for c in found.changes] == [True]
    assert found.problem == "" and found.suspect() is None


def test_the_last_runs_standing_apart_are_a_suspect_with_the_last_good_before():
    suspect = timeline(rows([*noisy(20, 50, 1), 56, 57, 56])).suspect()
    assert suspect is not None
    assert suspect.last_good in ("c18", "c19") and suspect.change == pytest.approx(0.12, abs=0.04)


def test_a_recent_change_point_is_a_suspect():
    found = timeline(rows([*noisy(30, 50, 1), *noisy(10, 55, 2)]))
    assert found.changes and found.suspect() is not None


@pytest.mark.parametrize("back", [3, 10])  # the way back is a candidate, then a change point
def test_a_figure_that_has_recovered_is_no_suspect_any_more(back):
    slow = [*noisy(25, 100, 1), *noisy(10, 120, 2)]
    before, found = timeline(rows(slow)), timeline(rows([*slow, *noisy(back, 100, 6)]))
    assert before.suspect() is not None and before.suspect().run_id == "r25"
    assert found.changes[0].index == 25 and (found.candidate is not None or len(found.changes) == 2)
    assert found.suspect() is None and found.unjudged == ""
    assert timeline([replace(row, lower_is_better=False) for row in found.rows]).suspect() is not None


@pytest.mark.parametrize("lucky", [112, 100])
def test_one_lucky_run_clears_nothing_that_many_have_shown(lucky):
    found = timeline(rows([*noisy(25, 100, 1), *noisy(10, 120, 2), lucky]))
    assert found.suspect() is not None and found.suspect().run_id == "r25"


def test_a_way_back_that_stops_short_leaves_the_suspect():
    found = timeline(rows([*noisy(25, 100, 1), *noisy(9, 120, 2), *noisy(3, 110, 6)]))
    assert found.suspect() is not None and found.suspect().run_id == "r25"


@pytest.mark.parametrize(("lower", "expected"), [(True, False), (False, True)])
def test_a_fall_is_a_suspect_only_where_more_is_better(lower, expected):
    found = timeline(rows([*noisy(20, 50, 1), 42, 41, 42], lower_is_better=lower))
    assert (found.suspect() is not None) is expected


def test_unlike_environments_efforts_and_units_never_share_a_series():
    mixed = [*rows([1, 2]), *rows([3, 4], fingerprint="f2"), *rows([5], effort="full"), *rows([6], unit="s")]
    assert sorted(len(line.rows) for line in timelines(mixed)) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"unit": "s"}, "unit: ms, s"), ({"fingerprint": "f2"}, "fingerprint: f1, f2"), ({"effort": "full"}, "effort")],
)
def test_mixing_them_by_hand_is_refused(changes, said):
    with pytest.raises(NotComparable, match=said):
        timeline([*rows([1, 2]), *rows([3, 4], **changes)])


def test_unsorted_times_and_no_rows_are_errors():
    with pytest.raises(StatisticError, match="order of time"):
        timeline(rows([1, 2, 3])[::-1])
    with pytest.raises(StatisticError, match="no rows"):
        timeline([])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([5.0], "holds 1 value"),
        ([5.0] * 20, "constant"),
        ([1.0, float("nan")] * 10, "NaN"),
        ([1.0, 2, 3], "at least 14"),
    ],
)
def test_what_cannot_be_computed_says_why_and_is_no_verdict(values, said):
    found = timeline(rows(values))
    assert found.problem.startswith("cannot be computed, because") and said in found.problem
    assert found.changes == () and found.suspect() is None


@pytest.mark.parametrize(
    ("values", "changes", "said"),
    [
        ([1.0, 2, 3], {}, "they have fewer than 9 runs"),
        (noisy(12, 50, 1), {}, "they have fewer than 14 runs"),
        ([5.0] * 18 + [5.1, 5.2], {}, "more than half of their earlier values are equal"),
        (noisy(20, 50, 1), {"lower_is_better": None}, "nothing says whether less or more of it is better"),
        ([5.0] * 20, {}, "more than half of their earlier values are equal"),
        ([1.0, float("nan")] * 10, {}, "they hold what is no number"),
        (noisy(20, 50, 1), {"trusted": False}, "no run was trusted"),
    ],
)
def test_a_series_that_cannot_be_judged_yet_says_why(values, changes, said):
    line = timeline(rows(values, **changes))
    assert line.suspect() is None and said in line.unjudged
    judged = timeline(rows(noisy(20, 50, 1), metric="memory"))
    assert judged.unjudged == ""
    sentence = unjudged_sentence([line, judged])
    assert sentence.startswith("1 of 2 series cannot be judged yet, because") and said in sentence
    assert unjudged_sentence([judged]) == ""


def test_a_move_from_zero_is_told_from_where_to_where():
    failing = timeline(rows([*[0.0] * 20, *noisy(10, 3, 2)], metric="error_rate", unit="%"))
    suspect = failing.suspect()
    assert suspect is not None and suspect.change == float("inf")
    assert suspect.moved.startswith("from 0 % to 3.0") and "inf" not in suspect.moved


@pytest.mark.parametrize(
    ("metric", "unit", "figure", "move"),
    [
        ("CPU per turn", "ms", "40.0 ms (36.0 ms to 45.0 ms)", "+25 %"),
        ("CPU per turn, against baseline", "ms", "+40.0 ms (+36.0 ms to +45.0 ms)", "from +40.0 ms to +50.0 ms"),
        ("error_rate", "%", "40.0 % (36.0 % to 45.0 %)", "+25 %"),
    ],
)
def test_a_comparison_is_shown_as_a_change_and_a_level_as_it_is(metric, unit, figure, move):
    row = replace(BASE, metric=metric, unit=unit, value=40.0, low=36.0, high=45.0)
    assert figure_text(row) == figure and move_text(40.0, 50.0, metric, unit) == move


def test_a_ratio_to_the_baseline_is_shown_as_a_change_with_its_bounds():
    row = replace(BASE, metric="CPU per turn, against baseline", unit="ratio", value=0.44, low=0.4, high=0.5)
    assert figure_text(row) == "-56 % (-60 % to -50 %)"
    assert figure_text(replace(row, low=None)) == "-56 % (at most -50 %)"
    assert figure_text(replace(row, low=None, high=None)) == "-56 % (no interval)"
    assert move_text(0.4, 0.5, row.metric, "ratio") == "+25 %"


def test_a_figure_of_unknown_direction_proposes_no_suspect():
    for tail in ([56, 57, 56], [42, 41, 42]):
        assert timeline(rows([*noisy(20, 50, 1), *tail], lower_is_better=None)).suspect() is None


def test_a_changed_system_file_is_marked_and_named_beside_the_moves_it_may_explain():
    values = [*noisy(20, 50, 1), 56, 57, 56]
    one = rows(values)
    two = [replace(row, digest="e") if i >= 20 else row for i, row in enumerate(one)]
    plain, changed = timeline(one), timeline(two)
    assert plain.files == () and changed.files == (20,)
    assert plain.suspect() is not None and "file" not in plain.suspect().why
    assert changed.suspect() is not None and "the system's file changed there, with run r20" in changed.suspect().why
    steps = timeline([replace(r, digest="e") if i >= 30 else r
                      for i, r in enumerate(rows([*noisy(30, 50, 1), *noisy(30, 55, 2)]))])  # fmt: skip
    assert [steps.file_change(c) for c in steps.changes] == ["the system's file changed there, with run r30"]
    assert timeline([replace(row, digest="") if i < 5 else row for i, row in enumerate(one)]).files == ()
    far = timeline([replace(r, digest="e") if i >= 5 else r for i, r in enumerate(rows([*values]))])
    assert far.files == (5,) and far.suspect() is not None and "file" not in far.suspect().why


def test_untrusted_figures_are_counted_and_left_out():
    data = rows(noisy(20, 50, 1))
    data[5] = replace(data[5], value=500.0, trusted=False)
    found = timeline(data)
    assert found.untrusted == 1 and len(found.rows) == 19 and max(found.values) < 100
    assert "no run was trusted" in timeline(rows([1.0, 2.0], trusted=False)).problem


def test_the_sketch_places_its_marks_below_its_bars():
    assert spark([1, 2, 3, 4, 5, 6, 7, 8]) == BARS
    assert spark([3, 3]) == BARS[3] * 2 and spark([]) == "" and "·" in spark([1, float("nan"), 2])
    assert marks(8, [3], 7) == "   ^   ?" and marks(8, [], None) == ""
    assert marks(8, [3], None, files=[3, 5]) == "   ^ #"
    assert len(spark(range(500), 72)) == 72 and marks(100, [10, 40], None, 72) == " " * 12 + "^"
