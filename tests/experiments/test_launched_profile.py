"""A system that does not run under a profiler costs that profiler's table, and not the notebook."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perflab.errors import InstrumentFailure, LoadFailure, SystemFailure
from perflab.experiments import profile
from perflab.experiments.effort import EFFORT

MEMRAY = SimpleNamespace(name="memray", view="launch")


@pytest.mark.parametrize(
    "error", [SystemFailure("Process api was not ready after 30 s"), InstrumentFailure("P301", "memray wrote no file")]
)
def test_what_cannot_run_under_an_instrument_is_its_problem(study, monkeypatch, error):
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(profile, "run_trial", fails)
    done = profile.launched_pass(study, EFFORT["quick"], MEMRAY)
    assert done.trial is None and done.problems == [("memray", str(error))]


def test_what_the_load_lacks_is_no_problem_of_an_instrument(study, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise LoadFailure("The load gave up")

    monkeypatch.setattr(profile, "run_trial", fails)
    with pytest.raises(LoadFailure):
        profile.launched_pass(study, EFFORT["quick"], MEMRAY)
