"""What a capacity statement says beside its figure: under which conditions, by which looks, and how to go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perflab.experiments import scaling
from perflab.experiments.conclude import scale
from perflab.experiments.ladder import Level
from perflab.experiments.scaling import Capacities, ResponseTarget
from perflab.experiments.settling import Settling
from perflab.experiments.trial import save_facts
from perflab.findings.finding import Finding
from perflab.model.capacity import capacity_statement, memory_cost
from perflab.model.knee import Rung
from perflab.stats.interval import Interval

from .test_null_arm import trial_of

TARGET = ResponseTarget("S4-LAT-1", 2000.0, "voice_response_time p95 < 2 s")


def interval(low: float, value: float, high: float) -> Interval:
    return Interval(value, low, high, 0.95, 200, "planted")


def level(users: int, p95: Interval | None, p50: Interval | None = None, failed: int = 0, finished: int = 200) -> Level:
    return Level(f"level-{users}", users, 8.0, finished - failed, p50 or p95, p95, None, users / 4.0, users / 4.0,
                 80.0 + users / 10, failed, finished)  # fmt: skip


def at_target(study: Any, levels: list[Level], variant: str = "optimised") -> Capacities:
    return scaling.capacity(study, {variant: scaling.best_levels(levels)}, TARGET)


def test_a_median_above_the_target_breaks_a_level_that_has_no_p95() -> None:
    levels = [level(50, interval(1400, 1500, 1600)), level(100, None, interval(2422, 2627, 2849), finished=95)]
    found = scaling.knee(levels, TARGET)
    assert (found["held"], found["broke"]) == (50, 100) and "breaks at 100" in found["claim"]
    unsure = scaling.knee([levels[0], level(100, None, interval(1900, 2100, 2300), finished=95)], TARGET)
    assert unsure["broke"] is None and "unsure at 100" in unsure["claim"]


@pytest.mark.parametrize("first_is_wide", [True, False])
def test_of_two_looks_at_a_level_the_least_favourable_counts(study: Any, first_is_wide: bool) -> None:
    wide, narrow = level(50, interval(1534, 1852, 2369)), level(50, interval(1544, 1757, 1999))
    looks = [wide, narrow] if first_is_wide else [narrow, wide]
    told = at_target(study, [level(25, interval(1000, 1100, 1200)), *looks]).by_variant["optimised"]
    assert told.low == 25 and "at least 25 users" in told.explanation


def test_a_look_of_failures_outweighs_one_that_went_well() -> None:
    broke, went_well = level(100, None, failed=180), level(100, interval(900, 1000, 1100))
    assert scaling.best_levels([broke, went_well]) == scaling.best_levels([went_well, broke]) == [broke]


def capacities(users: float = 200) -> Capacities:
    told = capacity_statement([Rung(100, 900, 800, 1000), Rung(users, 1300, 1200, 1400)], 2000, cores=1)
    return Capacities(TARGET, {"optimised": told}, {"optimised": 2})


def judged(verdict: str, latency: str, variant: str = "optimised", target: str = "S4-LAT-1") -> Finding:
    condition = f"latency={latency},generator=codegen-120,trouble=none,connections=100"
    return Finding(id="F30-target.1", notebook="30_prototype", question="?", kind="target", claim="It was judged.",
                   verdict=verdict, level="measured-quick", target_id=target, variant=variant, scenario="normal",
                   condition=condition)  # type: ignore[arg-type]  # fmt: skip


def test_a_capacity_tells_under_what_it_holds_and_where_the_target_is_missed(study: Any) -> None:
    others = [judged("misses", "gpt-rt-1.5", variant="baseline"), judged("misses", "gpt-rt-1.5", target="S4-MX-1"),
              judged("meets", "aa-fast")]  # fmt: skip
    study.save_findings(others)
    (found,) = scale.conclude(study, capacities(), None)
    assert found.claim.endswith("(voice_response_time p95 < 2 s) under latency=aa-fast.") and found.condition == ""
    study.save_findings([*others, judged("misses", "gpt-rt-1.5")])
    (found,) = scale.conclude(study, capacities(), None)
    assert found.claim.endswith("Under latency=gpt-rt-1.5 the target is missed at 50 users.")


@pytest.mark.parametrize(("cpu_percent", "workers"), [(25.0, False), (41.0, True)])
def test_the_next_step_loads_the_same_variant_of_the_same_system(
    study: Any, monkeypatch: pytest.MonkeyPatch, cpu_percent: float, workers: bool
) -> None:
    made = trial_of("ladder-optimised")
    facts = replace(made.facts, generator={**made.facts.generator, "cpu_percent": cpu_percent})
    save_facts(study, facts)
    monkeypatch.setattr(scale, "read_trial", lambda *_: replace(made, facts=facts))
    (found,) = scale.conclude(study, capacities(), None)
    system = study.run.manifest.system_shown
    said = f"Climb further: perflab load --system {system} --variant optimised --users 400 --seconds 60"
    assert found.next_step == said + (" --workers 2" if workers else "")
    assert "--users 300 " in scale.conclude(study, capacities(150), None)[0].next_step


def test_levels_that_never_settle_are_said_beside_the_capacity(study: Any) -> None:
    shaky = replace(level(50, interval(900, 1000, 1100)), settling=Settling("normal", 3.0, None, "never steady", 60))
    (found,) = scale.conclude(study, at_target(study, [level(25, interval(900, 1000, 1100)), shaky]), None)
    check = next(c for c in found.trust if c.name == "stretches of load settle")
    assert not check.passed and not check.veto and "normal never steady" in check.observed


def test_memory_per_user_is_the_slope_of_the_levels_that_were_carried(study: Any) -> None:
    levels = [level(users, interval(900, 1000, 1100)) for users in (25, 50, 75)]
    drowned = replace(level(100, interval(2500, 2600, 2700)), memory_mb=900.0)  # its backlog is no user's memory
    rows = at_target(study, [*levels, drowned]).rows()["optimised"]
    assert str(rows["memory per user (MB)"]).startswith("0.100 (")
    noisy = [Rung(n, 1, 0.9, 1.1, memory_mb=100 + 0.5 * n + bend) for n, bend in ((10, 1), (20, -2), (30, 2), (40, -1))]
    found = memory_cost(noisy)
    assert found is not None and found.low < 0.5 < found.high and found.mb_per_user == pytest.approx(0.5, abs=0.1)
    assert memory_cost(noisy[:2]) is None and memory_cost([Rung(n, 1, 0.9, 1.1) for n in (1, 2, 3)]) is None
