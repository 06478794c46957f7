"""A profiler that ends the system leaves nobody whose clock could be read: what it ran is told by the last readings."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.experiments import collect_trial, trial
from perflab.experiments.trial import Segment, TrialSpec, run_trial, system_ran_s
from perflab.instrument import resources
from perflab.instrument.resources import Reading, ResourceSampler
from perflab.load import runner

WATCHED = {"api": ("system", 11), "worker": ("system", 12), "world": ("standin", 13)}


def read(name: str, cpu_s: float) -> Reading:
    return Reading(name, WATCHED[name][0], 0, cpu_s, 1, 1, 1, 0.0, 0)


def test_the_most_that_readings_showed_is_what_a_process_reached() -> None:
    sampler = ResourceSampler(WATCHED)
    sampler.rows = [read("api", 2.0), read("world", 1.0), read("api", 7.0), read("api", 0.0)]  # ended in the last one
    assert sampler.reached_cpu_s() == {"api": 7.0, "world": 1.0}
    assert ResourceSampler(WATCHED).reached_cpu_s() == {}


def test_what_ran_is_counted_from_the_first_reading_and_of_the_system_only() -> None:
    before = {"api": 2.0, "world": 1.0}  # the worker was not there yet
    assert system_ran_s(WATCHED, before, {"api": 7.0, "world": 9.0, "worker": 3.0}) == pytest.approx(5.0)
    assert system_ran_s(WATCHED, before, {}) == 0.0


@pytest.mark.parametrize("ended", [False, True])
def test_the_account_of_a_trial_holds_what_the_system_ran_before_it_was_ended(
    study: Any, monkeypatch: Any, ended: bool
) -> None:
    """It ran 5 s of the 5.1 s that its core was busy: with 0 s the machine would be blamed for all of its waiting."""
    clocks = iter([{"api": 2.0, "world": 1.0}, {"world": 4.0} if ended else {"api": 7.0, "world": 4.0}])
    booked = iter([{"core_ran_s": ran, "core_interrupted_s": 0.0} for ran in (10.0, 15.1)])
    running = SimpleNamespace(watched=lambda: WATCHED, metrics_url="", endpoints={}, processes={},
                              check_alive=lambda: None)  # fmt: skip
    load = SimpleNamespace(go=lambda endpoints: 0, wait=lambda **_: None, kill=lambda: None)
    sampler = ResourceSampler(WATCHED)
    sampler.rows = [read("api", 2.5), read("api", 7.0)]

    @contextmanager
    def launched(*_: object, **__: object) -> Any:
        yield running

    monkeypatch.setattr(trial, "launch", launched)
    monkeypatch.setattr(trial, "_cpu_now", lambda _: next(clocks))
    monkeypatch.setattr(trial, "core_readings", lambda _: next(booked))
    monkeypatch.setattr(runner, "start_load", lambda *_, **__: load)
    monkeypatch.setattr(resources, "ResourceSampler", lambda _: nullcontext(sampler))
    monkeypatch.setattr(collect_trial, "collect", lambda *kept: kept)
    spec = TrialSpec("profile-x", "baseline", ((0.0, 1), (6.0, 0)), 6.0, (Segment("profile", 0.0, 6.0, 1),))
    *_, seen = run_trial(study, spec, during=lambda _: ended, again=True)
    noise = seen.disturbance
    assert noise["core_own_s"] == pytest.approx(5.0) and noise["core_ran_s"] == pytest.approx(5.1)
    assert seen.cpu_s == ({"world": 3.0} if ended else {"api": 5.0, "world": 3.0})  # a figure of CPU needs both clocks
