"""Response times are the system's only where the world around it answered when it meant to."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.errors import UsageError
from perflab.experiments.conclude.parts import reconciled, vetoed, world_on_time
from perflab.findings.trust import vetoes
from perflab.system.spec import Spans, SpanSum

MS = 1_000_000
SUMS = (
    SpanSum(name="added", plus=("first",), minus=("start",), minus_ms=300.0),
    SpanSum(name="own", plus=("out",), minus=("in",), check="added", check_ms=2.0),
    SpanSum(name="late", role="world", plus=("world.tx",), minus=("world.rx",), durations=("world.think",),
            check_ms=20.0),
)  # fmt: skip


def study(*sums):
    load = SimpleNamespace(unit_kind="turn")
    return SimpleNamespace(system=SimpleNamespace(load=load, spans=Spans(sum=sums or SUMS)))


def trial(late_ms, own_ms=8.0, scenario="normal", outcome="ok"):
    """One turn for each lateness: 300 ms of thinking, 8 ms added by outside clocks, `own_ms` by the system's marks."""
    late = np.round(np.array(late_ms, dtype=float) * MS).astype(np.int64)
    base = 10**15
    units = pd.DataFrame({
        "kind": "turn", "warmup": False, "scenario": scenario, "outcome": outcome, "start_ns": base,
        "first_ns": base + 308 * MS + late, "in": base, "out": base + round(own_ms * MS) + late,
        "world.rx": base + MS, "world.tx": base + 301 * MS + late, "world.think": 300 * MS,
    })  # fmt: skip
    return SimpleNamespace(units=units)


def test_a_world_that_thought_longer_than_it_drew_voids_what_rests_on_response_times():
    """Each turn 500 ms late: by outside clocks the system added nothing, and yet every response is 500 ms longer."""
    (held,) = world_on_time(study(), [trial(np.full(100, 4.8))])
    assert held.passed and "p99 4.80 ms late over 100 units" in held.observed
    (check,) = world_on_time(study(), [trial(np.full(100, 4.8)), trial(np.full(100, 500.0))])
    assert not check.passed and vetoed([check]) and "500 ms" in check.observed and check.next_step


def test_a_few_units_that_were_late_move_no_quantile_that_is_judged():
    late = np.zeros(1000)
    late[:9] = 300.0
    assert not vetoed(world_on_time(study(), [trial(late)]))
    late[:12] = 300.0
    assert vetoed(world_on_time(study(), [trial(late)]))


def test_only_the_judged_stretch_is_asked():
    both = SimpleNamespace(
        units=pd.concat([trial(np.zeros(50)).units, trial(np.full(50, 90.0), scenario="stress").units])
    )
    assert not vetoed(world_on_time(study(), [both], "normal")) and vetoed(world_on_time(study(), [both], "stress"))


def test_a_trial_that_tells_nothing_hides_no_late_one_and_is_no_pass():
    silent, late = trial(np.zeros(5), outcome="error"), trial(np.full(100, 90.0))
    (check,) = world_on_time(study(), [trial(np.zeros(100)), silent])
    assert not check.passed and not check.veto and check.observed == "no unit has all its marks"
    for order in ([silent, late], [late, silent]):
        assert vetoed(world_on_time(study(), order))


def test_own_marks_are_held_to_outside_clocks_as_a_warning():
    (fine,) = reconciled(study(), trial(np.zeros(40), own_ms=9.5))
    assert fine.passed
    (early,) = reconciled(study(), trial(np.zeros(40), own_ms=58.0))
    assert not early.passed and not vetoes([early]) and "50" in early.observed and "too early" in early.next_step


def test_a_system_without_such_sums_and_rows_of_an_older_run_have_no_such_check():
    assert world_on_time(study(SUMS[0]), [trial([0.0])]) == () == reconciled(study(SUMS[0]), trial([0.0]))
    older = SimpleNamespace(units=trial([0.0]).units.drop(columns=["world.think", "out"]))
    assert world_on_time(study(), [older]) == () == reconciled(study(), older)


def test_a_sum_of_the_world_must_say_how_late_is_too_late():
    with pytest.raises(ValueError, match="check_ms"):
        SpanSum(name="late", role="world", plus=("a",), minus=("b",), durations=("c",))
    with pytest.raises(UsageError, match="as many of each"):
        from perflab.samples.spans import lateness

        lateness(trial([0.0]).units, Spans(sum=(SUMS[2].model_copy(update={"minus": ()}),)))
