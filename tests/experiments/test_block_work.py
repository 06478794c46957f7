"""How long a trial of a block lasts where units are short, and that its first units are in no figure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from perflab.experiments import block_work as subject
from perflab.experiments.block_work import block_work, counted_rows, first_units, pace_spec
from perflab.experiments.blocks import BlockPlan, arm_figures, block_spec
from perflab.experiments.effort import sizes_of
from perflab.experiments.prototype import block_plan
from perflab.experiments.trial import NS, Trial, TrialFacts
from perflab.system.tables.spans import Spans

USERS = 4


def short(study: Any, probe_s: float = 1.0) -> Any:
    load = study.system.load.model_copy(update={"probe_seconds": probe_s, "unit_kind": "request"})
    return replace(study, system=study.system.model_copy(update={"load": load, "spans": Spans()}))


def paced(apart_s: float, length_s: float = 3.0, took_s: float = 0.004) -> Trial:
    """Rows of users whose requests are due every `apart_s` seconds and take `took_s` each, one after the other."""
    due = [(user, seq, user * 0.01 + seq * apart_s) for user in range(USERS) for seq in range(int(length_s / apart_s))]
    step = max(apart_s, took_s)
    rows = [{"kind": "request", "user": user, "seq": seq, "outcome": "ok", "intended_ns": round(at * NS),
             "end_ns": round((user * 0.01 + seq * step + took_s) * NS)} for user, seq, at in due]  # fmt: skip
    rows += [{"kind": "other", "user": 0, "seq": 0, "outcome": "ok", "intended_ns": n, "end_ns": n} for n in range(50)]
    return Trial(None, pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame())  # type: ignore[arg-type]


@pytest.mark.parametrize("effort", ["quick", "full"])
@pytest.mark.parametrize("time_scale", [1.0, 0.05])
def test_units_that_fill_their_time_by_the_file_are_as_many_as_the_effort_says(
    study: Any, monkeypatch: pytest.MonkeyPatch, effort: str, time_scale: float
) -> None:
    monkeypatch.setattr(subject, "run_trial", lambda *_: pytest.fail("a trial was run to see the pace"))
    sizes = sizes_of(effort, time_scale)
    found = block_work(replace(study, effort=effort, time_scale=time_scale), sizes)
    assert found.units == sizes.units_per_user and found.limit_s == 10.0 + 2.0 * found.units * 5.0


@pytest.mark.parametrize("probe_s", [1.0, 0.005])
@pytest.mark.parametrize(("apart_s", "units"), [(0.05, 100), (1.0, 5), (0.3, 17)])
def test_short_units_fill_five_seconds_at_the_pace_that_was_seen(
    study: Any, monkeypatch: pytest.MonkeyPatch, apart_s: float, units: int, probe_s: float
) -> None:
    """Whatever the file says of a unit's length: a request of 5 ms every second is no thousand requests."""
    monkeypatch.setattr(subject, "run_trial", lambda study, spec: paced(apart_s))
    one = replace(short(study, probe_s), effort="quick")
    found = block_work(one, one.sizes)
    assert (found.units, found.limit_s) == (units, 60.0)
    plan = block_plan(one, one.sizes, 0.0)
    assert (plan.units_per_user, plan.limit_s) == (found.units, found.limit_s)


def test_a_pace_that_the_baseline_cannot_keep_is_not_its_pace(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Due twice a second, served every 3.2 s: ten units each would be cut off, and the comparison be untrusted."""
    monkeypatch.setattr(subject, "run_trial", lambda study, spec: paced(0.5, took_s=3.2))
    one = replace(short(study), effort="quick")
    assert block_work(one, one.sizes).units == 2
    assert subject.seconds_apart(paced(0.5, took_s=3.2), "request") == pytest.approx(0.5)  # what its users ask for


def test_a_server_of_the_system_is_in_the_cpu_of_a_unit_however_many_units_there_are(study: Any) -> None:
    one = short(study)
    for units in (4, 10):
        trial = cold(study, units, 0)
        beside = trial.resources.assign(process="db", cpu_s=2 * trial.resources["cpu_s"])
        cpu = {**trial.facts.cpu_s, "db": 2 * sum(trial.facts.cpu_s.values())}
        both = replace(trial, resources=pd.concat([trial.resources, beside]), facts=replace(trial.facts, cpu_s=cpu))
        assert arm_figures(one, both).cpu_ms_per_unit == pytest.approx(3 * arm_figures(one, trial).cpu_ms_per_unit)


def test_units_of_which_no_user_comes_to_a_second_are_long(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "run_trial", lambda study, spec: paced(2.9))
    one = replace(short(study), effort="quick")
    assert block_work(one, one.sizes).units == one.sizes.units_per_user == 1


def test_the_pace_is_seen_under_the_users_of_a_block_on_the_baseline(study: Any) -> None:
    spec = pace_spec(study, 40)
    assert spec.steps[0] == (0.0, 40) and spec.variant == "baseline" and "units_per_user" not in spec.options


def cold(study: Any, units: int, dear: int, drop: int = 0) -> Trial:
    """One trial: the first `dear` requests of a user take 0.5 s and 100 ms of CPU, later ones 0.1 s and 10 ms."""
    name = study.system.system_processes[0].name
    rows, used = [], [(0.0, 0.0)]
    for seq in range(1, units + 1):
        slow = seq <= dear
        for user in range(USERS):
            rows.append({
                "kind": "request", "name": "r", "tag": "", "scenario": "block", "warmup": False, "user": user,
                "seq": seq, "outcome": "error" if drop and seq == 1 and user < drop else "ok",
                "intended_ns": seq * NS, "start_ns": seq * NS, "first_ns": 0,
                "end_ns": seq * NS + round((0.5 if slow else 0.1) * NS),
            })  # fmt: skip
        total = used[-1][1]
        used += [(seq, total), (seq + (0.5 if slow else 0.1), total + USERS * (0.1 if slow else 0.01))]
    resources = pd.DataFrame(
        [
            {"process": name, "role": "system", "t_ns": round(at * NS), "cpu_s": cpu, "rss_bytes": 1e8}
            for at, cpu in used
        ]
    )
    plan = BlockPlan(8, USERS, units, {}, 30.0)
    facts = TrialFacts(block_spec(study, "baseline", "baseline", 0, plan, "t"), 0, (units + 1) * NS,
                       {name: used[-1][1]}, {}, False, 0.0, {}, 0.0)  # fmt: skip
    return Trial(facts, pd.DataFrame(rows), resources, pd.DataFrame())


def test_what_a_process_does_with_its_first_units_is_in_no_figure(study: Any) -> None:
    found = arm_figures(short(study), cold(study, 10, 2))
    assert found.p50_ms == found.p95_ms == pytest.approx(100.0)
    assert found.cpu_ms_per_unit == pytest.approx(10.0, rel=1e-6)
    assert found.units == 40 and found.failed == 0


def test_the_same_units_of_every_user_are_left_out_and_a_failed_one_of_them_still_failed(study: Any) -> None:
    trial = cold(study, 10, 2, drop=3)
    kept = counted_rows(trial, "request")
    assert sorted(set(kept["seq"])) == list(range(3, 11)) and set(kept.groupby("user").size()) == {8}
    found = arm_figures(short(study), trial)
    assert (found.failed, found.units) == (3, 40) and found.p95_ms == pytest.approx(100.0)


def test_of_fewer_than_five_units_none_is_left_out(study: Any) -> None:
    trial = cold(study, 4, 2)
    assert len(counted_rows(trial, "request")) == 16
    found = arm_figures(short(study), trial)
    assert found.cpu_ms_per_unit == pytest.approx(1e3 * trial.system_cpu_s() / 16) == pytest.approx(55.0)


def test_the_page_says_which_units_were_looked_at() -> None:
    assert first_units(0, "turn") == ""
    assert "the first turn of each user" in first_units(1, "turn")
    assert "the first 4 turns" in first_units(4, "turn")
    assert "of 100 requests of each user the first 20 are left out" in first_units(100, "request")


def test_a_load_without_a_second_unit_has_no_pace() -> None:
    trial = Trial(None, paced(2.9).units, pd.DataFrame(), pd.DataFrame())  # type: ignore[arg-type]
    assert subject.seconds_apart(trial, "request") == 0.0
    assert subject.seconds_apart(paced(0.3), "request") == pytest.approx(0.3)
    assert subject.seconds_apart(paced(0.3), "none") == 0.0
