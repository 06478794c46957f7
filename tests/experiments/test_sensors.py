"""What the sensors of a trial say: peak memory by reading, and a reading that is missing fails its check."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.collect_trial import run_delay_share
from perflab.experiments.conclude.parts import trust_of, vetoed
from perflab.experiments.trial import disturbance
from perflab.experiments.units_of_work import Window, peak_memory_mb
from perflab.instrument.noise import Canary, NoiseReading, NoiseWindow, run_canary
from tests.experiments.test_null_arm import trial_of

MS = 1_000_000


def memory_trial(study, times_ns, rss=100_000_000):
    names = [p.name for p in study.system.system_processes]
    rows = [{"process": n, "role": "system", "t_ns": t, "rss_bytes": rss} for t in times_ns for n in names]
    return replace(trial_of(), resources=pd.DataFrame(rows)), len(names) * rss / 1e6


def test_peak_memory_is_that_of_one_reading(study):
    """A period of 200 ms with jitter, and a last reading right after the one before it, as the sensor stops."""
    rng = np.random.default_rng(1)
    jittered = [int(i * 200 * MS + rng.integers(-30, 30) * MS + 10**12) for i in range(40)]
    trial, truth = memory_trial(study, [*jittered, jittered[-1] + 2 * MS])
    assert peak_memory_mb(trial, study.system) == truth
    assert peak_memory_mb(trial, study.system, Window(jittered[3], jittered[20])) == truth
    assert peak_memory_mb(trial, study.system, Window(0, 1)) == 0.0


def readings(*rows):
    return pd.DataFrame(
        [{"process": "p", "t_ns": t, "cpu_s": c, "run_delay_s": d} for t, c, d in rows],
        columns=["process", "t_ns", "cpu_s", "run_delay_s"],
    )


def test_run_delay_needs_two_readings():
    assert run_delay_share(readings((1, 0.0, 0.0), (9, 3.0, 1.0)), "p", 0, 10) == 0.25
    assert run_delay_share(readings((1, 0.0, 0.0), (9, 0.0, 0.0)), "p", 0, 10) == 0.0
    assert math.isnan(run_delay_share(readings((1, 0.0, 0.0)), "p", 0, 10))
    assert math.isnan(run_delay_share(readings(), "p", 0, 10))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", ["late_p99_ms", "cpu_percent", "lost_frames", "run_delay_share"])
def test_a_reading_that_is_missing_in_one_trial_is_a_veto(name, place):
    trials = [trial_of(str(i)) for i in range(3)]
    facts = trials[place].facts
    lacking = {"generator": {**facts.generator, name: math.nan}}
    changed = replace(facts, **({name: math.nan} if name == "run_delay_share" else lacking))
    trials[place] = replace(trials[place], facts=changed)
    checks = trust_of(trials)
    assert vetoed(checks) and [c.observed for c in checks if not c.passed and c.veto] == ["not measured"]
    assert not vetoed(trust_of([trial_of()]))


def blocks_of(**late_ms):
    """Return trials of arms in turn, each with its lateness."""

    def one(arm, block, late):
        trial = trial_of(f"{arm}-{block}")
        generator = {**trial.facts.generator, "late_p99_ms": late}
        spec = replace(trial.spec, arm=arm, block=block)
        return replace(trial, facts=replace(trial.facts, spec=spec, generator=generator))

    return [one(arm, block, late) for arm, times in late_ms.items() for block, late in enumerate(times)]


def test_of_paired_blocks_a_quarter_may_meet_a_neighbour_and_an_arm_that_is_late_is_refused():
    few = blocks_of(baseline=[1.0] * 6 + [9.0, 30.0], changed=[1.0] * 7 + [6.0])
    assert vetoed(trust_of(few)) and not vetoed(trust_of(few, paired=True))
    [said] = [check.observed for check in trust_of(few, paired=True) if check.name == "load generator on time"]
    assert "p99 1.00 ms" in said and "3 of 16 trials were too late" in said
    assert vetoed(trust_of(blocks_of(baseline=[1.0] * 8, changed=[1.0] * 5 + [9.0] * 3), paired=True))
    assert vetoed(trust_of(blocks_of(baseline=[1.0] * 8, changed=[1.0] * 7 + [math.nan]), paired=True))
    assert vetoed(trust_of(blocks_of(baseline=[1.0] * 3, changed=[1.0, 1.0, 9.0]), paired=True))


def test_what_is_compared_by_cpu_alone_in_the_same_seconds_bears_a_load_that_is_a_little_late():
    for late, refused in ((9.0, False), (25.0, True)):
        arms = blocks_of(baseline=[1.0], changed=[late])
        assert (
            vetoed(trust_of(arms, side_by_side=True))
            and vetoed(trust_of(arms, side_by_side=True, cpu_only=True)) == refused
        )


CALM = {"steal": 0.001, "throttled_s": 0.0, "canary": 1.1}


@pytest.mark.parametrize(
    ("name", "value"), [("steal", 0.2), ("throttled_s", 0.3), ("canary", 4.0), ("steal", math.nan)]
)
def test_what_disturbs_one_trial_is_a_warning_on_all(name, value):
    trials = [replace(t, facts=replace(t.facts, disturbance=CALM)) for t in (trial_of("a"), trial_of("b"))]
    assert all(check.passed for check in trust_of(trials))
    facts = replace(trials[1].facts, disturbance={**CALM, name: value})
    failed = [check for check in trust_of([trials[0], replace(trials[1], facts=facts)]) if not check.passed]
    assert [(c.name, c.veto) for c in failed] == [("machine undisturbed during the load", False)]
    side_by_side = trust_of([replace(trials[1], facts=facts)], side_by_side=True)
    assert all(c.passed for c in side_by_side) == (
        name == "canary"
    )  # arms in the same seconds slow each other's canary


def test_the_window_of_a_trial_tells_steal_throttling_and_the_canary():
    reading = NoiseReading(1.0, 0.0, 0.01, 0.5, 0.1, 0.2, Canary(0.1, 0.1))
    told = disturbance(reading, Canary(5.0, 9.0), Canary(4.0, 4.1))
    assert told == {"steal": 0.01, "throttled_s": 0.2, "canary": 9.0 / 4.0}
    assert disturbance(NoiseWindow(canary_rounds=1).read(), run_canary(), run_canary())["canary"] >= 0.99


def test_trials_of_before_have_no_such_check():
    assert "machine undisturbed during the load" not in {check.name for check in trust_of([trial_of()])}
