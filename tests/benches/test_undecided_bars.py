"""A bar has no value where the measurement was refused, the units failed, or the writer was never killed.

One that holds by its value while its interval reaches beyond the limit is open, and says so.
"""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.benches.audio.contest import Contest, Outcome
from perflab.benches.bar import Bar, measured
from perflab.benches.gateway import (
    Climb,
    Cost,
    capacity_bars,
    cost_bars,
    failing,
    generator_bars,
    response_bar,
)
from perflab.benches.state.lost import ACKNOWLEDGED, Loss, of_kills, of_moment
from perflab.benches.think_times import upstream_bars
from perflab.cli import bench
from perflab.experiments.ladder import Level
from perflab.stats.interval import Interval
from perflab.strict_json import json_text
from perflab.system.tables.spans import Spans, SpanSum


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


def test_where_the_generator_ended_the_ladder_the_ratio_is_a_lower_bound():
    late = Climb(200, 300, "load generator on time", late_ms=7.5)
    sessions, ratio = capacity_bars(Climb(50, 75), late)
    assert sessions.value is None  # the generator's own bar is 300: nothing is known of the gateway's sessions
    assert ratio.value == 4.0 and ratio.interval == (200 / 75, math.inf) and "at least" in ratio.title
    assert ratio.open  # against 75 sessions, which the baseline did not hold, it may be 2.7
    assert json.loads(json_text(ratio.as_dict()))["interval"] == [200 / 75, None]
    assert capacity_bars(Climb(50, 75, "load generator on time"), late)[1].value is None
    assert capacity_bars(Climb(50, 75), Climb(0, 200, "load generator on time", late_ms=7.5))[1].value is None


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
    assert of_kills(Bar("l", "t", 0.0, "==", 0, "writes", 2), losses).value == value


NONE, TAIL, HOLE = (Loss(ACKNOWLEDGED, *seen) for seen in ((0, 0.0, True), (90, 60.0, True), (90, 60.0, False)))


@pytest.mark.parametrize(
    ("losses", "value", "reason"),
    [
        ([TAIL, TAIL], 60.0, ""),
        ([NONE, TAIL], 60.0, ""),  # one kill fell just behind a commit
        ([NONE, NONE], None, "none of 2 kills lost a write"),
        ([TAIL, HOLE], None, "in 1 of 2 kills a write is missing and a later one was stored"),
        ([TAIL, Loss(3, 1, 60.0, True)], None, "ended after 3 acknowledgements"),
    ],
)
def test_write_behind_has_an_age_only_where_kills_lost_a_last_moment(losses, value, reason):
    bar = of_moment(losses)
    assert bar.value == value and bar.holds is (value is not None) and reason in bar.detail.get("reason", "")


WHY = ["300 of 500 turns failed"]


def test_the_cpu_of_a_gateway_that_drops_its_turns_holds_no_bar():
    """60 % of the turns time out: no reply, no tool call, no state, so that CPU falls from 21 to 12 %."""
    sound = cost_bars(Cost(90.0, 20.0, []), Cost(12.0, 20.0, []), 3.0)
    assert [bar.holds for bar in sound] == [True, True, True]
    dropped = cost_bars(Cost(90.0, 20.0, []), Cost(12.0, 8.0, WHY), 3.0)
    assert [bar.value for bar in dropped] == [None] * 3 and not any(bar.holds for bar in dropped)
    assert all("300 of 500" in bar.detail["reason"] for bar in dropped)


def test_a_refused_baseline_takes_the_ratios_and_leaves_the_cpu():
    cpu, ratio, per_turn = cost_bars(Cost(90.0, 20.0, ["load generator on time"]), Cost(12.0, 20.0, []), 3.0)
    assert cpu.holds and ratio.value is None and "baseline: load generator" in per_turn.detail["reason"]


def test_a_variant_that_answers_nothing_is_a_bar_without_value_and_no_traceback():
    silent = cost_bars(Cost(90.0, 20.0, []), Cost(0.0, 0.0, ["no turn finished"]), 3.0)
    assert [bar.value for bar in silent] == [None] * 3
    cpu, ratio, per_turn = cost_bars(Cost(90.0, 0.0, []), Cost(12.0, 20.0, []), 3.0)
    assert cpu.holds and ratio.holds and per_turn.value is None
    json.loads(json_text([bar.as_dict() for bar in (*silent, per_turn)]), parse_constant=pytest.fail)


FACTS = {"late_p99_ms": 2.0, "lost_frames": 0, "achieved_frame_rate": 15_000.0, "asked_frame_rate": 15_000.0}


@pytest.mark.parametrize(
    ("failed", "finished", "reason"),
    [(0, 500, ""), (5, 500, ""), (6, 500, "6 of 500 turns failed"), (0, 0, "no turn finished")],
)
def test_frames_sent_on_time_to_a_gateway_that_answers_nothing_are_not_end_to_end(failed, finished, reason):
    made = Level("hold", 300, 18.0, finished, None, None, None, 20.0, 60.0, 90.0, failed, finished)
    assert failing(made) == ([reason] if reason else [])
    bars = generator_bars(FACTS, made)
    assert [bar.holds for bar in bars] == [not reason] * 3
    assert all(bar.detail.get("reason", "") == reason for bar in bars)


def test_a_generator_that_was_asked_for_nothing_has_not_sent_all_of_it():
    *_, rate = generator_bars({**FACTS, "asked_frame_rate": 0.0}, level(0))
    assert not rate.holds


LATE = SpanSum(name="late", role="world", plus=("tx",), minus=("rx",), durations=("think",), check_ms=20.0)


@pytest.mark.parametrize(("late_ms", "holds"), [(1.0, True), (60.0, False)])
def test_a_stand_in_that_takes_longer_than_it_drew_misses_its_bar(late_ms, holds):
    think = (np.random.default_rng(2).lognormal(np.log(630e6), 0.25, 600)).astype(np.int64)
    rows = pd.DataFrame({"rx": 10**15, "tx": 10**15 + think + int(late_ms * 1e6), "think": think})
    (bar,) = upstream_bars(rows, Spans(sum=(LATE,)), {})
    assert bar.holds is holds and bar.n == 600
    assert upstream_bars(rows.assign(think=int(300e6)), Spans(sum=(LATE,)), {}) == []  # a constant has no distribution


def interval(low: float | None, value: float, high: float | None) -> Interval:
    return Interval(value, low, high, 0.95, 400, "planted")


@pytest.mark.parametrize(
    ("operator", "limit", "seen", "mark"),
    [
        ("<", 5, (3.4, 4.99, 7.4), "OPEN  "),
        ("<", 5, (3.4, 4.2, 4.9), "holds "),
        ("<", 5, (4.9, 5.2, 7.4), "MISSED"),  # a value beyond the limit is missed, wherever the interval lies
        ("<=", 0.02, (-0.02, 0.015, 0.05), "OPEN  "),
        (">=", -1, (-1.4, -0.2, 0.9), "OPEN  "),
        (">=", 4, (4.1, 5.0, 6.0), "holds "),
        (">=", 4, (None, 5.0, 6.0), "holds "),
    ],
)
def test_a_bar_is_open_where_its_interval_reaches_beyond_the_limit(operator, limit, seen, mark):
    bar = measured("b", "t", interval(*seen), operator, limit, "ms")
    assert bar.line().startswith(mark) and bar.holds is (mark != "MISSED")
    assert bar.as_dict()["open"] is (mark == "OPEN  ") and bar.as_dict()["holds"] is bar.holds


def test_what_is_printed_beside_a_value_is_not_always_an_interval_of_it():
    fastest_and_slowest = Bar("6.help", "perflab --help", 0.2, "<", 0.3, "s", 11, (0.18, 0.41))
    assert fastest_and_slowest.line().startswith("holds ")


def test_the_bars_of_a_comparison_ask_their_interval():
    contest = Contest("fft", "t", lambda: None, lambda: None, 1, 2.0)
    assert Outcome(contest, interval(1.8, 2.1, 2.4), 1.0, 2.1).bar().open
    slow = Interval(1990.0, 1900.0, 2100.0, 0.95, 500, "sectioning")
    near = Level("hold", 100, 18.0, 500, slow, slow, 2200.0, 20.0, 60.0, 90.0, 0, 500)
    assert response_bar("1", "t", near, []).open
    _, ratio = capacity_bars(Climb(100, 150), Climb(300, 400))
    assert ratio.value == 3.0 and ratio.open  # by the steps of the ladders it may be 2


def test_open_bars_are_counted_and_miss_nothing(monkeypatch, capsys):
    made = [measured("a", "t", interval(1, 4, 7), "<", 5, "ms"), measured("b", "t", interval(1, 2, 3), "<", 5, "ms")]
    monkeypatch.setattr(bench, "import_module", lambda _: SimpleNamespace(run=lambda *_: made))
    assert bench.run_bench("stats", "", "") == 0
    assert "2 of 2 bars hold, 1 of them open: the interval reaches beyond the limit" in capsys.readouterr().out
