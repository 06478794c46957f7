"""What a person sees while a study runs: the notebook, the step, and the time that is left, by a fake clock."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from perflab.cli import display
from perflab.cli.display import QUIET_EVERY_S, Display
from perflab.runs import Run
from tests.report.fake_run import MANIFEST

EXPECTED_S = {"00_machine": 20.0, "10_baseline_profile": 120.0, "30_prototype": 200.0}


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(display, "time", made)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "reports", MANIFEST)


def at_step(run: Run, step: str, done: float, total: float, detail: str) -> None:
    """Leave what a notebook's process writes of where it is."""
    body = {"step": step, "done": done, "total": total, "detail": detail}
    (run.path / "progress.json").write_text(json.dumps(body))


def test_without_a_terminal_lines_name_the_notebook_the_step_and_the_time_left(
    run: Run, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Display(run, EXPECTED_S) as shown:
        shown.begin("10_baseline_profile")
        at_step(run, "profile", 1, 4, "optimised, py-spy")
        clock.now_s += QUIET_EVERY_S + 1
        shown.update(30.0)
        shown.update(30.5)  # the same step: no second line
        at_step(run, "memory", 2, 4, "")
        clock.now_s += QUIET_EVERY_S - 1
        shown.update(45.0)  # another step, too soon after the last line
        clock.now_s += 2
        shown.update(150.0)  # longer than was expected
        shown.end("10_baseline_profile", "done", 151.2, "")
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "10_baseline_profile (about 2 min 0 s)",
        "  profile optimised, py-spy: 30 s, about 90 s left here, 4 min 50 s in all",
        "  memory: 2 min 30 s, about 0 s left here, 3 min 20 s in all",
        "10_baseline_profile: done in 2 min 31 s (budget 2 min 0 s)",
    ]


def test_on_a_terminal_the_live_line_says_it_and_a_finished_notebook_stays_above(
    run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = StringIO()
    monkeypatch.setattr(display, "Console", lambda **_: Console(file=written, force_terminal=True, width=160))
    with Display(run, EXPECTED_S) as shown:
        shown.begin("30_prototype")
        shown.update(1.0)  # nothing said of a step yet: the notebook's own name
        assert line_of(shown) == "30_prototype 0% 1 s, about 3 min 19 s left here, 3 min 19 s in all"
        at_step(run, "ladder", 30, 120, "50 users")
        shown.update(60.0)
        assert line_of(shown) == "ladder 50 users 25% 60 s, about 2 min 20 s left here, 2 min 20 s in all"
        (run.path / "progress.json").write_text('{"step": ')  # read while it is being written
        shown.update(61.0)
        assert line_of(shown).startswith("30_prototype 0% 61 s")
        shown.end("30_prototype", "failed", 61.0, "a cell failed")
        assert not shown._bar.tasks
    assert "30_prototype: failed in 61 s" in written.getvalue() and "a cell failed" in written.getvalue()


def line_of(shown: Display) -> str:
    (task,) = shown._bar.tasks
    return f"{task.description} {task.percentage:.0f}% {task.fields['left']}"


def test_a_notebook_that_begins_says_nothing_of_the_steps_of_the_one_before(run: Run, clock: Clock) -> None:
    shown = Display(run, EXPECTED_S)
    at_step(run, "ladder", 30, 120, "50 users")
    shown.begin("00_machine")
    assert not (run.path / "progress.json").exists()
