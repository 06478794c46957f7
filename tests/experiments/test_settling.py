"""The found warm-up of a stretch beside the declared one, on rows with a planted warm-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.collect_trial import labelled
from perflab.experiments.settling import settled_check, settling_caveats, settling_of
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec
from perflab.experiments.units_of_work import judged_rows, window


def trial(shape, n=200, length_s=40.0, settle_s=5.0, outcome="ok"):
    """Units at a steady pace, whose response time has a shape (index of the run from 0 to 1 -> factor)."""
    rng = np.random.default_rng(6)
    at = np.linspace(0, length_s, n, endpoint=False)
    times = 50e6 * np.array([shape(x / length_s) for x in at]) * np.exp(rng.normal(0, 0.03, n))
    go, intended = 7 * NS, (7 * NS + at * NS).astype(np.int64)
    units = pd.DataFrame({
        "kind": "request", "scenario": "level-5", "outcome": outcome, "intended_ns": intended, "first_ns": 0,
        "end_ns": intended + times.astype(np.int64), "warmup": at < settle_s,
    })  # fmt: skip
    spec = TrialSpec("t", "baseline", (), length_s, (Segment("level-5", 0.0, length_s, 5, settle_s),))
    return Trial(TrialFacts(spec, go, 0, {}, {}, False, 0.0, {}, 0.0), units, pd.DataFrame(), pd.DataFrame())


def test_a_warm_up_is_reported_in_seconds_and_rows_stay():
    made = trial(lambda x: 2.0 if x < 0.25 else 1.0)
    found = settling_of(made, "level-5", "request")
    assert found.state == "steady" and found.found_s == pytest.approx(10.0, abs=0.5) and found.n == 200
    assert len(made.units) == 200 and found.outlasts
    assert "10" in settling_caveats([found])[0] and "5.0 s" in settling_caveats([found])[0]
    assert settled_check([found, None]).passed


def test_a_steady_stretch_needs_no_words():
    found = settling_of(trial(lambda x: 1.0), "level-5", "request")
    assert (found.state, found.found_s) == ("steady", 0.0) and settling_caveats([found]) == ()


def test_a_stretch_that_never_settles_is_a_warning_not_a_veto():
    found = settling_of(trial(lambda x: 1 + int(5 * x)), "level-5", "request")
    check = settled_check([found])
    assert found.state == "never steady" and not check.passed and not check.veto
    assert "level-5 never steady" in check.observed and check.next_step


def test_too_few_units_say_nothing():
    found = settling_of(trial(lambda x: 1.0, n=12), "level-5", "request")
    assert found.state == "too few units" and found.found_s is None
    assert settled_check([found]).passed and found.text == "too few units"
    assert settling_of(trial(lambda x: 1.0, outcome="error"), "level-5", "request").state == "too few units"


def test_a_stretch_without_a_declared_settling_time_is_not_judged():
    assert settling_of(trial(lambda x: 1.0, settle_s=0.0), "level-5", "request") is None


def collected(made):
    """The trial as `collect` would leave it: its rows labelled, warm-up marked as found."""
    units, settled = labelled(made.units, made.spec, made.facts.go_ns, "request")
    return Trial(replace(made.facts, settled_s=settled), units, made.resources, made.lateness)


def test_found_warm_up_is_marked_in_the_rows_and_left_out_of_the_window():
    made = collected(trial(lambda x: 2.0 if x < 0.25 else 1.0))
    found = settling_of(made, "level-5", "request")
    assert made.units["warmup"].sum() == pytest.approx(50, abs=3) and len(made.units) == 200
    assert found.longer and not found.outlasts and found.marked_s == found.found_s
    assert len(judged_rows(made, "request", "level-5")) == 200 - made.units["warmup"].sum()
    assert (window(made, "level-5").start_ns - made.facts.go_ns) / NS == pytest.approx(found.found_s)
    assert settling_caveats([found]) == (
        f"warm-up lasted longer than the 5.0 s declared and is left out: level-5 {found.found_s:.1f} s",
    )


@pytest.mark.parametrize("shape", [lambda x: 1.0, lambda x: 2.0 if x < 0.05 else 1.0, lambda x: 1 + int(5 * x)])
def test_no_less_than_declared_is_marked_and_no_more_where_nothing_settles(shape):
    made = collected(trial(shape))
    assert made.facts.settled_s == (5.0,) and made.units["warmup"].sum() == 25
    assert not settling_of(made, "level-5", "request").longer


def test_a_stretch_without_a_declared_settling_time_stays_whole():
    made = collected(trial(lambda x: 2.0 if x < 0.25 else 1.0, settle_s=0.0))
    assert made.facts.settled_s == (0.0,) and not made.units["warmup"].any()


def test_trials_of_before_are_read_as_declared():
    made = trial(lambda x: 1.0)
    assert made.facts.settled_s == () and made.settle_s(made.spec.segments[0]) == 5.0
