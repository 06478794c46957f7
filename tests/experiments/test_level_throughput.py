"""Throughput of a level above the capacity: what was answered in it, not what was due in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from perflab.experiments import readings
from perflab.experiments.trial import NS
from perflab.experiments.units_of_work import Window, answered_per_s, units_done
from perflab.system.tables.load import Measure

GO = 3 * NS


def served(kind: str, rates: tuple[int, ...], capacity: int, hold_s: int) -> pd.DataFrame:
    """Return the rows of levels that offer `rates` to a queue which answers `capacity` units a second, in order."""
    rows, free_s = [], 0.0
    for level, rate in enumerate(rates):
        for i in range(rate * hold_s):
            due_s = level * hold_s + i / rate
            free_s = max(free_s, due_s) + 1 / capacity
            answered = GO + round(free_s * NS)
            ended = answered + NS if kind == "turn" else answered  # a turn is answered by its first byte
            rows.append((kind, "ok", GO + round(due_s * NS), answered, ended))
    return pd.DataFrame(rows, columns=["kind", "outcome", "intended_ns", "first_ns", "end_ns"])


@pytest.mark.parametrize("kind", ["request", "turn"])
def test_no_level_answers_more_than_the_system_can(kind: str) -> None:
    rows = served(kind, (50, 100, 150, 200), 100, 10)
    spans = [Window(GO + i * 10 * NS, GO + (i + 1) * 10 * NS) for i in range(4)]
    assert [answered_per_s(rows, span) for span in spans] == pytest.approx([50, 100, 100, 100], rel=0.01)


def test_units_that_failed_are_not_answered() -> None:
    rows = served("request", (10,), 100, 10)
    rows.loc[:49, "outcome"] = "error"
    assert answered_per_s(rows, Window(GO, GO + 10 * NS)) == 5.0


def test_a_rate_is_judged_on_what_was_answered_as_the_table_shows_it(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = served("request", (150,), 100, 20).assign(tag="", name="", warmup=False, scenario="rush")
    span = Window(GO + 4 * NS, GO + 16 * NS)  # the backlog of the first seconds is answered inside it
    monkeypatch.setattr(readings, "window", lambda *_: span)
    measure = Measure(metric="rate", kind="rate_per_min", rows="request")
    seen = readings.read_measure(study, measure, SimpleNamespace(units=rows), "rush", "value")  # type: ignore[arg-type]
    assert seen.interval is not None and seen.interval.value == pytest.approx(6_000, rel=0.01)
    assert seen.n == pytest.approx(1_200, abs=2)
    assert 60 * answered_per_s(rows, span) == pytest.approx(seen.interval.value, rel=0.01)


def test_no_rate_is_said_to_be_below_nothing(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = served("request", (150,), 100, 3).assign(tag="", name="", warmup=False, scenario="rush")
    monkeypatch.setattr(readings, "window", lambda *_: Window(GO, GO + 20 * NS))  # after 5 s nothing is answered
    measure = Measure(metric="rate", kind="rate_per_min", rows="request")
    seen = readings.read_measure(study, measure, SimpleNamespace(units=rows), "rush", "value")  # type: ignore[arg-type]
    assert seen.interval is not None and seen.interval.low == 0.0 < seen.interval.value < seen.interval.high


def test_a_unit_that_was_never_begun_is_no_work() -> None:
    columns = ["kind", "outcome", "intended_ns", "start_ns", "first_ns", "end_ns"]
    rows = pd.DataFrame([("request", "ok", GO, GO, GO + NS, GO + NS), ("request", "unfinished", GO, 0, 0, GO + 10 * NS),
                         ("turn", "unfinished", GO, 0, 0, GO + 10 * NS)], columns=columns)  # fmt: skip
    span = Window(GO, GO + 5 * NS)
    assert units_done(rows, span) == pytest.approx(1.5)  # of the turn that is under way a half lies inside
    assert units_done(rows[rows["kind"] == "request"], span) == pytest.approx(1.0)
