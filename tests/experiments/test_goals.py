"""Scenarios that ask for something without a number: what the judged variant showed is reported, nothing is judged."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.conclude.targets import conclude_goals
from perflab.experiments.matrix import read_matrix
from perflab.experiments.summing_up import traced
from perflab.experiments.trial import NS, Segment, Trial
from perflab.report.verdict import overall
from tests.experiments.test_judged_targets import LENGTH_S, rows
from tests.experiments.test_null_arm import trial_of

SCENARIOS = (("normal", 50), ("stress", 200), ("before spike", 10), ("spike", 100), ("after spike", 10))


def whole_matrix(study: Any, *, variant: str, stress_failed: int = 0, refused: int = 0, after_ms: float = 900) -> Trial:
    """A matrix that went well but for what is planted: failures under stress, slow probes after the spike."""
    parts, segments = [], []
    for place, (name, users) in enumerate(SCENARIOS):
        at = place * LENGTH_S
        failed, ms = (
            (stress_failed, 900.0) if name == "stress" else (0, after_ms if name.startswith("after") else 900.0)
        )
        part = rows(name, at, "turn", 400, failed, ms)
        if name == "stress" and refused:
            bad = np.flatnonzero(part["outcome"] == "error")[:refused]
            part.loc[bad, "outcome"] = "shed"
        parts.append(part)
        segments.append(Segment(name, at, at + LENGTH_S, users))
    end = int(len(SCENARIOS) * LENGTH_S)
    used = [
        {"process": p.name, "role": "system", "t_ns": s * NS, "cpu_s": 0.2 * s, "rss_bytes": 8e7 + 1e6 * (s > 70)}
        for p in study.system.system_processes for s in range(end + 1)
    ]  # fmt: skip
    made = trial_of()
    facts = replace(made.facts, spec=replace(made.spec, name=f"matrix-{variant}", variant=variant,
                                             segments=tuple(segments), conditions={}))  # fmt: skip
    return Trial(facts, pd.concat(parts, ignore_index=True), pd.DataFrame(used), pd.DataFrame())


def concluded(study: Any, **planted: Any) -> dict[str, Any]:
    trials = [whole_matrix(study, variant=name, **planted) for name in ("optimised", "baseline")]
    found = conclude_goals(study, [read_matrix(study, t) for t in trials], trials)
    return {f.target_id: f for f in found}


def test_stress_and_spike_are_reported_for_the_judged_variant_alone(study: Any) -> None:
    found = concluded(study)
    assert set(found) == {"S4-MX-3", "S4-MX-4"}
    assert {(f.verdict, f.variant, f.kind) for f in found.values()} == {("reported", "optimised", "target")}
    stress, spike = found["S4-MX-3"], found["S4-MX-4"]
    assert stress.claim.startswith("Stress test, 200 users: 0 of 400 turns failed (0 refused at once), 2")
    assert "turns/s against " in stress.claim and "p95 of the answered" in stress.claim
    assert (stress.effect.value, stress.effect.unit) == (0.0, "%") and stress.effect.high < 1
    assert "the p95 of probes was back" in spike.claim and "0 turns were lost" in spike.claim
    assert "81.0 MB after it against 80.0 MB before" in spike.claim and spike.effect.unit == "s"


def test_failures_under_stress_and_a_spike_that_stays_are_told(study: Any) -> None:
    found = concluded(study, stress_failed=40, refused=30, after_ms=4000)
    assert "40 of 400 turns failed (30 refused at once)" in found["S4-MX-3"].claim
    assert found["S4-MX-3"].effect.value == pytest.approx(10.0)
    assert "was not back within the 20 s observed" in found["S4-MX-4"].claim
    assert found["S4-MX-4"].effect is None  # what was not seen to end has no figure that a history could follow


def test_reported_goals_stand_on_the_scorecard_and_decide_nothing(study: Any) -> None:
    found = list(concluded(study).values())
    held = {row.id: row for row in traced(study, found)}
    assert (held["S4-MX-4"].verdict, held["S4-MX-4"].finding_ids) == ("reported", (found[1].id,))
    assert held["S4-MX-3"].quote.endswith("Graceful degradation")
    verdict = overall(found, study.run.manifest.model_copy(update={"status": "done"}))
    assert verdict.exit_code == 0 and verdict.counts == {"reported": 2}


def test_what_scenarios_ask_for_stands_in_the_target_file(study: Any) -> None:
    goals = tomllib.loads(study.system.resolve(study.system.targets).read_text())["qualitative"]
    asked = {s.asks for s in study.system.scenario if s.asks}
    assert asked and asked <= {goal["id"] for goal in goals}
