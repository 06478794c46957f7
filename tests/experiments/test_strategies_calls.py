"""The experiments on calls: their worlds exist, their arithmetic is right, and one runs on the real gateway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perflab.experiments.strategies import calls
from perflab.experiments.strategies.calls import dedup, failures, noisy, pool_sweep
from perflab.experiments.strategies.experiment import BASE, StrategyExperiment
from perflab.experiments.strategies.run import Sizes, run_experiment
from perflab.experiments.study import Study, create_run
from perflab.standins.codegen import troubles
from perflab.standins.faults import CODEGEN_FAULTS, parse_faults
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system


@pytest.fixture
def gateway(root: Path, tmp_path: Path) -> Study:
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    return Study(run, system, "23_api_streaming", "quick", 7, default_cores())


def test_every_experiment_speaks_of_flags_and_conditions_that_exist(gateway: Study) -> None:
    values = {condition.name: condition.values for condition in gateway.system.condition}
    assert len({experiment.key for experiment in calls.EXPERIMENTS}) == len(calls.EXPERIMENTS) >= 9
    for experiment in calls.EXPERIMENTS:
        base = _flags(gateway, experiment, BASE)
        for arm in experiment.arms:
            flags = _flags(gateway, experiment, arm)
            assert flags != base and all(flags[k] == v for k, v in (part.split("=") for part in arm.split("+")))
        assert all(value in values[name] for name, value in experiment.conditions.items())
        assert experiment.price and experiment.turns


def _flags(study: Study, experiment: StrategyExperiment, arm: str) -> dict[str, str]:
    return dict(study.variant(experiment.variant_of(arm)).flags)


def test_the_bursts_are_the_ones_that_the_stand_in_makes() -> None:
    for name, burst in (("burst503", failures.INSTANT), ("slow503", failures.SLOW_TO_FAIL)):
        for fault in parse_faults(troubles.TROUBLES[name], CODEGEN_FAULTS):
            made = (fault.start_s, fault.end_s, fault.period_s)
            assert made == pytest.approx((burst.from_s, burst.to_s, burst.period_s)), (name, fault)


def test_a_breaker_tells_slow_failures_sooner_and_asks_less_of_who_fails(gateway: Study) -> None:
    seen = run_experiment(gateway, failures.SLOW, Sizes(blocks=1, seconds=0.5, fresh=False))
    told, left_alone = (seen.column(arm, "refusal_ms") for arm in (BASE, "breaker=on"))
    assert (told > troubles.SLOW_MS).all() and (left_alone < told).all()
    asked = [seen.column(arm, "upstream_per_request") for arm in (BASE, "breaker=on")]
    assert (asked[1] < asked[0]).all()


@pytest.mark.parametrize(
    ("failed_at", "ms"), [([], 0.0), ([0.35, 0.69], 0.0), ([0.4, 0.95], 250.0), ([2.75, 4.9], 200.0), ([2.1], 0.0)]
)
def test_recovery_counts_from_the_end_of_the_burst(failed_at: list[float], ms: float) -> None:
    assert failures.recovery_ms(failed_at) == pytest.approx(ms)


def test_crowds_and_the_quiet_one_are_in_order_of_time() -> None:
    times, whose = noisy.due_times(np.random.default_rng(1), 3.0)
    crowds = times[whose == noisy.NOISY]
    assert (np.diff(times) >= 0).all() and crowds.size == 3 * noisy.CROWD
    assert set(crowds) == {noisy.FIRST_S, noisy.FIRST_S + 1, noisy.FIRST_S + 2}
    assert 40 < np.sum(whose == noisy.QUIET) < 120


def test_shared_calls_reach_the_generator_less_often_and_answer_alike(gateway: Study) -> None:
    seen = run_experiment(gateway, dedup.EXPERIMENT, Sizes(blocks=2, seconds=0.8, fresh=False))
    base, shared = (seen.column(arm, "upstream_per_request") for arm in (BASE, "dedup=on"))
    assert base == pytest.approx([1.0, 1.0]) and (shared < 0.9).all()
    assert seen.equal_answers("dedup=on") == (2, 2) and seen.counts("dedup=on")[0] == 0


def test_a_pool_that_is_too_small_makes_calls_wait(gateway: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_sweep, "QUICK", (2, 0.8))
    small, large = pool_sweep.pool_sweep_rows(gateway, ("1", "100"))
    assert small["p50 (ms)"] > 2 * large["p50 (ms)"] and small["failed"] == large["failed"] == 0
    for row in (small, large):
        assert row["p95 low"] <= row["p95 (ms)"] <= row["p95 high"] <= row["worst (ms)"]
        assert row["p50 (ms)"] <= row["p95 (ms)"] <= row["p99 (ms)"] <= row["worst (ms)"]
    monkeypatch.setattr(pool_sweep, "_measure", None)
    assert pool_sweep.pool_sweep_rows(gateway, ("1", "100")) == [small, large]  # read back
