"""The load matrix: which variants pass through which scenarios, and what is said of the least and the most users."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perflab.experiments import prototype, tables
from perflab.experiments.conclude.prototype import conclude_matrix
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import MatrixResult, Recovery, matrix_spec
from perflab.experiments.scaling import fit
from perflab.experiments.trial import Trial
from perflab.findings.finding import Evidence
from perflab.stats.interval import Interval

from .test_null_arm import trial_of


def level(name: str, users: int, p50_ms: float) -> Level:
    p50 = Interval(p50_ms, p50_ms - 1, p50_ms + 1, 0.95, 40, "planted")
    return Level(name, users, 7.0, 40, p50, None, None, 4.0, 20.0, 90.0, 0, 40)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([level("normal", 50, 1511)], "At 50 users the p50 of optimised is 1511 ms and its CPU 20 % of a core"),
        (
            [level("stress", 200, 973), level("normal", 50, 1010)],
            "From 50 to 200 users the p50 of optimised went from 1010 to 973 ms and its CPU from 20 to 20 % of a core",
        ),
    ],
)
def test_one_level_went_nowhere(study: Any, levels: list[Level], said: str) -> None:
    result = MatrixResult("optimised", {}, {each.scenario: each for each in levels}, {}, None, "matrix-optimised")
    (found,) = conclude_matrix(study, [result], [trial_of()], {}, ())
    assert said in found.claim


def test_a_spike_is_no_level_among_the_steady_ones(study: Any) -> None:
    """Its users come and go within seconds, with probes beside them: 20 told as a level were 30 of a ramp."""
    levels = {
        each.scenario: each for each in (level("normal", 8, 1010), level("peak", 16, 1100), level("spike", 20, 4000))
    }
    result = MatrixResult("optimised", {}, levels, {}, None, "matrix-optimised", ("spike",))
    (found,) = conclude_matrix(study, [result], [trial_of()], {}, ())
    assert "From 8 to 16 users the p50 of optimised went from 1010 to 1100 ms" in found.claim
    assert {point["users"] for point in tables.degradation_points(result)} == {8, 16}


def test_the_figures_of_the_judged_variant_are_no_evidence_on_another(study: Any) -> None:
    shown = Evidence(kind="figure", path="figures/30-degradation.svg", title="optimised: how each figure moves")
    results = [MatrixResult(name, {}, {"normal": level("normal", 50, 1010)}, {}, None, "matrix-optimised")
               for name in ("optimised", "baseline")]  # fmt: skip
    judged, other = conclude_matrix(study, results, [trial_of()], {"degradation": shown}, ())
    assert shown in judged.evidence and shown not in other.evidence


def test_a_level_whose_work_was_answered_after_it_costs_no_law() -> None:
    """Due and answered, but not inside the level: its throughput is 0, which no law of throughput takes."""
    climb = [replace(level(f"level-{users}", users, 1000.0), throughput_per_s=flow)
             for users, flow in ((1, 0.0), (5, 2.0), (10, 4.0), (25, 9.0), (50, 15.0))]  # fmt: skip
    assert fit(climb)["gamma"] > 0
    assert fit(climb[:4])["levels"] == 3


@pytest.mark.parametrize("effort", ["quick", "full"])
def test_at_quick_a_variant_that_is_not_judged_is_shown_shortly(
    study: Any, effort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[tuple[str, ...], dict[str, float]] = {}

    def run(_study: Any, variant: str, conditions: dict[str, str], *, scenarios: Any = None) -> str:
        chosen = study.system.scenario if scenarios is None else scenarios
        taken[variant, *conditions.values()] = {s.name: s.quick_s for s in chosen}
        return variant

    monkeypatch.setattr(prototype, "run_matrix", run)
    prototype.run_matrices(replace(study, effort=effort))
    whole = {s.name: s.quick_s for s in study.system.scenario}
    assert taken["optimised",] == whole
    if effort == "full":
        assert all(scenarios == whole for scenarios in taken.values())
        return
    assert taken["baseline",] == {"normal": 13.0, "peak": 10.0, "stress": whole["stress"]}
    assert taken["optimised", "gpt-rt-1.5"] == {"normal": whole["normal"]}


def spiked(study: Any, conditions: dict[str, str]) -> tuple[MatrixResult, Trial]:
    """The plan of a normal scenario and a spike, and what was read of it."""
    chosen = [s for s in study.system.scenario if s.name in ("normal", "spike")]
    spec = matrix_spec(study, "optimised", conditions, chosen, 4.0)
    levels = {"normal": level("normal", 50, 1010), "spike": level("spike", 100, 1200)}
    recovery = Recovery(900.0, 1200.0, 990.0, 1.5, 60.0, 0)
    made = trial_of(spec.name)
    result = MatrixResult("optimised", conditions, levels, {}, recovery, spec.name, ("spike",))
    return result, replace(made, facts=replace(made.facts, spec=spec))


def test_a_spike_tells_its_probes_and_its_condition(study: Any) -> None:
    """Ten users stay on as probes: what is called a spike to 100 is one from 10 to 110."""
    made = [spiked(study, chosen) for chosen in ({}, {"latency": "gpt-rt-1.5"})]
    found = conclude_matrix(study, [result for result, _ in made], [trial for _, trial in made], {}, ())
    usual, slow = (f for f in found if f.id.startswith("F30-spike"))
    assert "In the spike (10 to 110 to 10 users, 10 of them probes that stay on) the p95" in usual.claim
    assert (usual.condition, slow.condition) == ("", "latency=gpt-rt-1.5")
    assert usual.claim.endswith("0 units were lost under latency=aa-fast.")
    assert slow.claim.endswith("0 units were lost under latency=gpt-rt-1.5.")
