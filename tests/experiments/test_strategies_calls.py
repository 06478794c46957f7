"""The experiments on calls: their worlds exist, their arithmetic is right, and one runs on the real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.experiments.api_streaming import lab
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies import calls
from perflab.experiments.strategies.arrivals import Arrivals
from perflab.experiments.strategies.calls import asking, batch, dedup, failures, noisy, pool_sweep
from perflab.experiments.strategies.experiment import BASE, StrategyExperiment
from perflab.experiments.strategies.run import ExperimentResult, Sizes, run_experiment
from perflab.experiments.strategies.tails import least_of, tail
from perflab.experiments.study import Study, create_run
from perflab.gateway.calls.call import CallSettings
from perflab.standins.codegen import troubles
from perflab.standins.faults import CODEGEN_FAULTS, parse_faults
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system
from tests.experiments.light_gateway import light


@pytest.fixture
def gateway(root: Path, tmp_path: Path) -> Study:
    system = light(load_system(root / "data/systems/voice_gateway.toml"))
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
    begun = crowds.reshape(3, noisy.CROWD)  # one after the other, as fast as one client surely sends
    assert begun[:, 0] == pytest.approx([noisy.FIRST_S, noisy.FIRST_S + 1, noisy.FIRST_S + 2])
    assert np.diff(begun, axis=1) == pytest.approx(noisy.APART_S)
    assert noisy.CROWD * noisy.APART_S < 0.12 / 2  # all wait before the first of them is answered
    assert np.max(noisy.due_times(np.random.default_rng(1), 0.12)[0]) < 0.12
    assert 15 < np.sum(whose == noisy.QUIET) < 60


def virtual_arrivals(
    monkeypatch: pytest.MonkeyPatch, module: Any, answered: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """Answer in 10 ms what `answered` says of the times at which requests are due; return those of every call."""
    seen: list[np.ndarray] = []

    async def arrive(times: np.ndarray, _: Callable[[int], Awaitable[bool]]) -> Arrivals:
        seen.append(times)
        good = np.flatnonzero(answered(times))
        return Arrivals(np.full(good.size, 10.0), np.zeros(times.size), times.size - good.size, good)

    monkeypatch.setattr(module, "arrivals_at", arrive)
    return seen


def blank(seconds: float, seed: int = 3) -> Any:
    return SimpleNamespace(rng=np.random.default_rng(seed), seconds=seconds, block=0)


def test_the_quiet_session_stays_within_the_limit_and_a_block_begins_when_the_buckets_are_full() -> None:
    assert noisy.QUIET_PER_S < CallSettings().per_s < noisy.CROWD / noisy.EVERY_S
    assert noisy.EXPERIMENT.warm is noisy.settle
    lets_through_at_first = 2 * CallSettings().per_s  # the bucket, and what runs out of it until the next crowd
    crowds = np.sum(noisy.due_times(np.random.default_rng(1), noisy.SETTLE_S)[1] == noisy.NOISY)
    assert crowds > lets_through_at_first


@pytest.mark.parametrize("seconds", [0.75, 1.5, 3.0])
def test_every_block_tells_the_quiet_ones_tail_however_short_it_is_asked_to_be(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    blocks = virtual_arrivals(monkeypatch, noisy, lambda times: np.full(times.size, True))
    for seed in range(100):
        assert asyncio.run(noisy.side_by_side(blank(seconds, seed))).figures["victim_p95_ms"] == 10.0
    asyncio.run(noisy.settle(blank(seconds)))
    assert max(times[-1] for times in blocks) <= noisy.LEAST_S and blocks[-1][-1] <= noisy.SETTLE_S


def test_a_median_that_a_block_lacks_is_not_told() -> None:
    one = replace(noisy.EXPERIMENT, arms=("bulkhead=on",))
    told = {figure.column: 1234.0 for figure in one.all_figures}
    rows = tuple({"arm": arm, "block": block} | told for arm in (BASE, NULL, *one.arms) for block in range(3))
    del rows[-1][noisy.VICTIM.column]
    *_, shown = lab.median_rows(ExperimentResult(one, rows, Sizes(3, 0.75, fresh=True)))
    assert shown["quiet session's p95 (ms)"] == "not told" and shown["response p95 (ms)"] == "1,234"


@pytest.mark.parametrize(("refused", "share"), [(0, 1.0), (1, 1.0), (10, 0.9), (2, 0.5)])
def test_what_the_quiet_session_is_refused_is_counted_and_leaves_it_no_tail(
    monkeypatch: pytest.MonkeyPatch, refused: int, share: float
) -> None:
    target = blank(20.0)
    whose = noisy.due_times(np.random.default_rng(3), 20.0)[1]
    quiet = np.cumsum(whose == noisy.QUIET)

    def answered(times: np.ndarray) -> np.ndarray:  # every n-th of the quiet one's is refused, or the noisy one's
        if refused < 2:
            return (whose == noisy.QUIET) | (refused == 0)
        return (whose == noisy.NOISY) | (quiet % refused != 0)

    virtual_arrivals(monkeypatch, noisy, answered)
    figures = asyncio.run(noisy.side_by_side(target)).figures
    assert figures["quiet_answered"] == pytest.approx(share, abs=0.01)
    assert np.isnan(figures["victim_p95_ms"]) == (share < 0.95)
    assert figures["noisy_answered"] == (0.0 if refused == 1 else 1.0)


@pytest.mark.parametrize("burst", [failures.INSTANT, failures.SLOW_TO_FAIL])
@pytest.mark.parametrize("seconds", [0.5, 0.75, 1.0, 2.0, 3.0])
def test_a_block_fails_for_the_share_of_its_time_that_the_condition_tells(
    seconds: float, burst: failures.Burst, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    async def none(*_: Any) -> None: ...

    async def counted(_: Any, work: Callable[[], Awaitable[Any]]) -> tuple[Any, dict[str, float]]:
        return await work(), {"requests": 1.0, "calls": 1.0}

    async def arrive(rng: Any, per_s: float, lasts_s: float, send: Any) -> Arrivals:
        asked.append(lasts_s)
        return Arrivals(np.ones(4), np.zeros(4), 0, np.arange(4))

    for name, made in (("wait_for_phase", none), ("counted", counted), ("open_arrivals", arrive)):
        monkeypatch.setattr(failures, name, made)
    work = asyncio.run(failures.through_trouble(blank(seconds), burst))
    times = np.arange(0, asked[0], 0.001) % burst.period_s
    failing = np.mean((times >= burst.from_s) & (times < burst.to_s))
    assert failing == pytest.approx((burst.to_s - burst.from_s) / burst.period_s, abs=0.002)
    assert seconds <= asked[0] < seconds + burst.period_s
    assert np.isnan(work.figures["p99_ms"])  # of four answers


def test_batches_are_measured_where_calls_come_in_crowds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def counted(_: Any, work: Callable[[], Awaitable[Any]]) -> tuple[Any, dict[str, float]]:
        return await work(), {"requests": 1.0, "calls": 1.0}

    monkeypatch.setattr(asking, "counted", counted)
    seen = virtual_arrivals(monkeypatch, asking, lambda times: times >= 0)
    for experiment in (batch.BUSY, batch.CROWDS):
        asyncio.run(experiment.work(blank(10.0)))
    alone, crowds = ([np.sum((times >= at) & (times < at + 0.005)) - 1 for at in times] for times in seen)
    assert np.mean(alone) < 1.5 < 3 < np.mean(crowds)  # further calls that come while the first one waits
    assert len(alone) == pytest.approx(len(crowds), rel=0.25) and batch.CROWDS in calls.EXPERIMENTS


def test_a_tail_needs_values_enough_and_all_of_those_it_stands_on() -> None:
    assert (least_of(0.95), least_of(0.99)) == (20, 100)
    draw = np.random.default_rng(4).random(400)
    for q, least in ((0.95, 20), (0.99, 100)):
        assert np.isnan(tail(draw[: least - 1], q)) and tail(draw[:least], q) == np.quantile(draw[:least], q)
    lost = np.where(np.arange(400) < 8, np.inf, draw)  # one in fifty was never answered
    assert tail(lost, 0.95) > np.quantile(draw[8:], 0.95) and np.isnan(tail(lost, 0.99)) and np.isnan(tail([], 0.95))


def test_four_connections_carry_what_the_pool_sweep_sends() -> None:
    at_once = pool_sweep.PER_S * pool_sweep.TAKES_S
    smallest = min(int(size) for size in pool_sweep.SIZES if size != "none")
    assert 0.8 < at_once / smallest < 0.95  # above 1 its waits would grow with the length of a block


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
