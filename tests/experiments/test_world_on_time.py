"""Response times are the system's only where the world around it answered when it meant to."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.cli import load as load_command
from perflab.errors import EXIT_OK, EXIT_UNTRUSTED, UsageError
from perflab.experiments import judging
from perflab.experiments.conclude import load, scale
from perflab.experiments.conclude.matrix import conclude_matrix
from perflab.experiments.conclude.parts import reconciled, vetoed, world_on_time
from perflab.experiments.conclude.profile import first_finding
from perflab.experiments.conclude.targets import conclude_goals
from perflab.experiments.matrix import MatrixResult, read_matrix
from perflab.experiments.profile import ProfilePass
from perflab.experiments.trial import Trial
from perflab.findings.trust import vetoes
from perflab.system.tables.spans import Spans, SpanSum
from tests.experiments import test_capacity_findings as capacity
from tests.experiments import test_load_words as words
from tests.experiments.test_goals import whole_matrix
from tests.experiments.test_judged_targets import measured, spoken
from tests.experiments.test_null_arm import trial_of

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
    assert held.passed and "0 of 100 units waited longer, p99 4.80 ms late over 100" in held.observed
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


LATE_MS = 500.0


def of_the_reference_system(late_ms, own_early_ms=0.0):
    """Turns of 900 ms that the stand-in drew `late_ms` shorter; the gateway's first mark is so much too early."""
    turns = spoken(900.0, 5.0)
    took = turns["live.first_tx"] - turns["live.end_detected"]
    sent = turns["live.first_tx"]
    return turns.assign(**{
        "live.think": took - round(late_ms * MS), "codegen.think": 0, "up_tx_last": turns["start_ns"] + 2 * MS,
        "gw_rx_last": turns["start_ns"] - round(own_early_ms * MS), "up_rx_first": sent,
        "gw_tx_first": turns["first_ns"],
        "tool_start": 0, "tool_end": 0,
    })  # fmt: skip


def full_trial(study, units):
    made = measured(study)
    return replace(made, units=pd.concat([units, made.units[made.units["kind"] == "request"]]).fillna(0))


def test_the_stand_ins_of_the_reference_system_are_held_to_what_they_drew(study):
    drawing = {p.name for p in study.system.process if p.log and "think" in p.log.marks}
    held = {one.partition(".")[0] for s in study.system.spans.sum if s.role == "world" for one in s.durations}
    assert held == drawing == {p.name for p in study.system.process if p.role == "standin"}


@pytest.mark.parametrize(("late_ms", "verdict"), [(1.0, "meets"), (LATE_MS, "untrusted")])
def test_no_latency_is_judged_in_a_world_that_was_late_and_no_level_by_it(study, monkeypatch, late_ms, verdict):
    trial = full_trial(study, of_the_reference_system(late_ms))
    monkeypatch.setattr(judging, "read_trial", lambda study, name: trial)
    result = MatrixResult(study.system.judge, {}, {"normal": None}, {}, None, "matrix-optimised")
    found = {item.target.id: item.judgement.verdict for item in judging.judge_targets(study, [result])}
    assert found["S4-LAT-1"] == verdict
    assert found["S4-LAT-2a"] == "meets"  # requests do not wait for the stand-in of the turns


@pytest.mark.parametrize(("late_ms", "verdict"), [(1.0, "reported"), (LATE_MS, "untrusted")])
def test_no_knee_and_no_capacity_in_a_world_that_was_late(study, monkeypatch, late_ms, verdict):
    trial = full_trial(study, of_the_reference_system(late_ms))
    levels = [words.level(10, 40.0), words.level(20, 60.0)]
    knee = {"claim": "The target holds at 10 users."}
    told = load.conclude(study, "baseline", levels, opened=words.level(15, 70.0), knee=knee, law={}, trials=[trial],
                         figures={}, world="A world.")  # fmt: skip
    assert {one.verdict for one in told[:3]} == {verdict}
    monkeypatch.setattr(scale, "_trials", lambda *_: [trial])
    assert scale.conclude(study, capacity.capacities(), None)[0].verdict == verdict


def test_what_strikes_only_the_open_arrivals_leaves_the_climb_its_word(study):
    climb, arrivals = (full_trial(study, of_the_reference_system(late)) for late in (1.0, LATE_MS))
    levels = [words.level(10, 40.0), words.level(20, 60.0)]
    told = {}
    for struck, trials in (("arrivals", [climb, arrivals]), ("climb", [arrivals, climb])):
        found = load.conclude(study, "baseline", levels, opened=words.level(15, 70.0), knee={"claim": "."}, law={},
                              trials=trials, figures={}, world="A world.")  # fmt: skip
        told[struck] = {one.id.rpartition("-")[2]: one.verdict for one in found[:3]}
    # Open arrivals are held against the climb's users: they need both.
    assert told["arrivals"] == {"1": "reported", "2": "reported", "3": "untrusted"}
    assert set(told["climb"].values()) == {"untrusted"}


@pytest.mark.parametrize(("late_ms", "code"), [(1.0, EXIT_OK), (LATE_MS, EXIT_UNTRUSTED)])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_load_in_a_world_that_was_late_is_refused_and_says_why(study, monkeypatch, capsys, late_ms, code, as_json):
    def run(_, spec, on_tick):
        made = full_trial(study, of_the_reference_system(late_ms))
        facts = replace(made.facts, spec=replace(spec, segments=(replace(spec.segments[0], settle_s=0.0),)))
        return replace(made, facts=facts, units=made.units.assign(scenario="load"))

    monkeypatch.setattr("perflab.experiments.trial.run_trial", run)
    monkeypatch.setattr(load_command, "stay_on", lambda _: None)
    system, remote = str(study.system.path), load_command.RemoteWorkers()
    assert load_command.run_load_command(system, "baseline", 50, 20.0, 1, remote, [], "", as_json) == code
    said = capsys.readouterr().out
    held = code == EXIT_OK
    if as_json:
        found = {check["name"]: check["passed"] for check in json.loads(said)["trust"]}
        assert found["world around the system on time (live_late)"] is held
    else:
        assert ("veto: world around the system on time (live_late)" in said) is not held


def test_stages_by_a_mark_that_is_50_ms_early_say_so(study):
    for early_ms, apart in ((0.0, False), (50.0, True)):
        units = of_the_reference_system(1.0, early_ms)
        sampled = ProfilePass("py-spy", Trial(trial_of().facts, units, pd.DataFrame(), pd.DataFrame()))
        made = first_finding(study, sampled, [], None)
        (check,) = [c for c in made.trust if "reconciled with outside clocks" in c.name]
        assert check.passed is not apart and made.verdict == "reported"


@pytest.mark.parametrize(("late_ms", "verdict"), [(1.0, "reported"), (LATE_MS, "untrusted")])
def test_no_level_and_no_spike_of_a_matrix_is_told_in_a_world_that_was_late_at_200_users(study, late_ms, verdict):
    """The stand-ins hold at 50 users and are late at 200: both findings hold response times of both against another."""
    made = whole_matrix(study, variant="optimised")
    turns = [of_the_reference_system(1.0), of_the_reference_system(late_ms).assign(scenario="stress")]
    result = read_matrix(study, made)
    seen = replace(made, units=pd.concat(turns, ignore_index=True))
    told = {f.id: f for f in (*conclude_matrix(study, [result], [seen], {}), *conclude_goals(study, [result], [seen]))}
    assert {told[id].verdict for id in ("F30-matrix.1", "F30-spike.1")} == {verdict}
    (stress,) = (f for f in told.values() if f.scenario == "stress")
    assert stress.verdict == verdict
