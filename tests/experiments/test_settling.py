"""The found warm-up of a stretch beside the declared one, on rows with a planted warm-up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.settling import settled_check, settling_caveats, settling_of
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec


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
