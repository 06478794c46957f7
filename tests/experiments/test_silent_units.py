"""Units that are never answered, or never begun: they failed, in blocks, ladders and after a spike."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.experiments import ladder
from perflab.experiments.blocks import BlockPlan, BlockResult, arm_figures, block_spec
from perflab.experiments.matrix import matrix_spec, recovery_of
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec
from perflab.experiments.units_of_work import SILENT_AFTER_S, failures
from perflab.system.tables.spans import Spans

GO = 7 * NS
END_S = 30.0  # of load and drain, in seconds since GO


def row(at_s, answer_s, outcome="ok", scenario="block"):
    """A turn due at `at_s`; `answer_s` None = no byte of a reply came before the load ended."""
    due, ends_s = GO + round(at_s * NS), END_S if outcome == "unfinished" else at_s + (answer_s or 0.0) + 0.5
    return {
        "kind": "turn", "name": "voice", "tag": "", "scenario": scenario, "warmup": False, "outcome": outcome,
        "intended_ns": due, "start_ns": due, "first_ns": 0 if answer_s is None else due + round(answer_s * NS),
        "end_ns": GO + round(ends_s * NS),
    }  # fmt: skip


def silent(at_s, scenario="block"):
    return row(at_s, None, "unfinished", scenario)


def trial_of(rows, spec):
    resources = pd.DataFrame({"process": ["gateway"], "role": ["system"], "t_ns": [GO], "rss_bytes": [1e8]})
    facts = TrialFacts(spec, GO, GO + round(END_S * NS), {"gateway": 1.0}, {}, False, 0.0, {}, 0.0)
    return Trial(facts, pd.DataFrame(rows), resources, pd.DataFrame())


STUDY = SimpleNamespace(
    seed=7, quick=True, time_scale=1.0,
    system=SimpleNamespace(
        load=SimpleNamespace(unit_kind="turn", users={"VoiceUser": 1.0}), spans=Spans(),
        system_processes=[SimpleNamespace(name="gateway")], scenario=[SimpleNamespace(name="normal")],
    ),
)  # fmt: skip


def test_a_unit_that_was_never_answered_failed_and_one_under_way_did_not():
    last = END_S - SILENT_AFTER_S  # due then, a unit has been silent for just as long as it takes
    rows = [row(1, 0.8), row(2, 0.9, "error"), row(29, 0.5, "unfinished"), silent(1), silent(last), silent(last + 0.1)]
    assert failures(pd.DataFrame(rows)) == (3, 4)
    assert failures(pd.DataFrame([row(1, 5.0, "unfinished")])) == (0, 0)  # its reply had begun
    assert failures(pd.DataFrame([row(1, None, "timeout"), row(1, 0.2, "interrupted")])) == (1, 2)


@pytest.mark.parametrize("answered", [lambda at_s: [silent(at_s)], lambda at_s: []], ids=["silent", "never begun"])
def test_an_arm_that_drops_a_tenth_of_its_work_does_not_fail_alike(answered):
    plan, figures = BlockPlan(1, 10, 4, {}, 20.0), []
    for arm, dropped in (("baseline", 0), ("optimised", 4)):
        due = np.linspace(1, 19, 40)
        rows = [row(at_s, 0.9) for at_s in due[dropped:]] + [r for at_s in due[:dropped] for r in answered(at_s)]
        figures.append(arm_figures(STUDY, trial_of(rows, block_spec(STUDY, arm, arm, 0, plan, "t"))))
    assert [(f.failed, f.units) for f in figures] == [(0, 40), (4, 40)]
    check = BlockResult(tuple(figures), (), {}).failing_alike("optimised")
    assert not check.passed and "4 of 40 units failed" in check.observed


def test_units_beyond_the_plan_are_no_gap():
    """A session that was cut off goes on as a new one, and does its units again."""
    rows = [row(at_s, 0.9) for at_s in np.linspace(1, 19, 43)]
    made = arm_figures(STUDY, trial_of(rows, block_spec(STUDY, "v", "v", 0, BlockPlan(1, 10, 4, {}, 20.0), "t")))
    assert (made.failed, made.units) == (0, 43)


def test_loads_drain_for_as_long_as_a_silent_unit_needs_to_be_known(monkeypatch):
    """Else the silent units of the last seconds would count as neither."""
    seen = [block_spec(STUDY, "v", "v", 0, BlockPlan(1, 10, 4, {}, 20.0), "t"), matrix_spec(STUDY, "v", {}, (), 1.0)]
    monkeypatch.setattr(ladder, "run_trial", lambda study, spec, on_tick: seen.append(spec))
    monkeypatch.setattr(ladder, "level_of", lambda study, trial, scenario: None)
    ladder.run_ladder(STUDY, "v", (1, 2), 5.0, 1.0)
    ladder.run_open(STUDY, "v", 2.0, 5.0, 1.0)
    assert len(seen) == 4 and all(spec.drain_s >= SILENT_AFTER_S for spec in seen)


def spike(*after):
    """A spike from 4 to 8 s; the probes before it and in it take 1 s, those after it are given."""
    stretches = (Segment("before spike", 0, 4, 10), Segment("spike", 4, 8, 30), Segment("after spike", 8, 20, 10))
    spec = TrialSpec("m", "v", (), 20.0, stretches)
    calm = [row(at_s, 1.0, scenario="before spike") for at_s in np.linspace(0, 3.9, 30)]
    during = [row(5, 1.5, scenario="spike"), silent(6, "spike"), row(7, 0.1, "error", "spike")]
    return recovery_of(STUDY, trial_of([*calm, *during, *after], spec), "spike")


def probe(at_s, answer_s=1.0, outcome="ok"):
    return row(at_s, answer_s, outcome, "after spike")


def test_after_a_spike_a_probe_that_fails_is_not_back():
    at = np.arange(8.5, 18.5, 0.5)
    healthy = spike(*(probe(a, 3.0 if a < 10 else 1.0) for a in at))
    assert healthy.recovered_s == 2.0 and healthy.lost == 2 and healthy.during_p95_ms == pytest.approx(1500)
    late = spike(*(probe(a, 0.1, "error") if a < 13 else probe(a) for a in at))
    assert late.recovered_s == 5.0 and late.lost == 2 + 9
    mute = spike(*(silent(a, "after spike") if a < 13 else probe(a) for a in at))
    assert mute.recovered_s == 5.0 and mute.lost == 2 + 9
    never = spike(*(probe(a, 0.1, "error") if a > 17.5 else probe(a) for a in at))
    assert never.recovered_s is None


def test_one_probe_of_many_that_fails_leaves_a_p95():
    """Beyond its 95 % a quantile does not look, and a failed probe must not turn it into NaN."""
    at = np.linspace(8.1, 19.0, 41)
    assert spike(*(probe(a, 0.1, "error") if i == 20 else probe(a) for i, a in enumerate(at))).recovered_s < 0.2
