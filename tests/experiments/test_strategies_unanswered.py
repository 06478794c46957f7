"""A block in which nobody is answered: a result of an overload, a fault of the system anywhere else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.errors import SystemFailure
from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies import arm as arm_module
from perflab.experiments.strategies.admission import overload
from perflab.experiments.strategies.admission.callers import Heard
from perflab.experiments.strategies.admission.capacity import Capacity
from perflab.experiments.strategies.arm import Arm
from perflab.experiments.strategies.conclude import findings, judge_arms
from perflab.experiments.strategies.experiment import BASE, Target, Work
from perflab.experiments.strategies.run import ExperimentResult, Sizes
from perflab.experiments.study import Study, create_run
from perflab.strict_json import json_text
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system


@pytest.fixture
def gateway(root: Path, tmp_path: Path) -> Study:
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    return Study(run, system, "23_api_streaming", "quick", 7, default_cores())


def watched(work: Work, study: Study, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the row of a block that did this work, for two seconds of the system's CPU."""
    readings = iter(({1: 1.0}, {1: 3.0}))
    monkeypatch.setattr(arm_module, "cpu_now", lambda _: next(readings))

    async def done(_: Target) -> Work:
        return work

    nobody: Any = SimpleNamespace(
        system=SimpleNamespace(system_processes=()), processes={}, servers=(), trial_dir="trial", variant=None
    )
    unused: Any = None
    arm = Arm(BASE, study, replace(overload.OVERLOADED, work=done), nobody, unused, unused, {})
    return asyncio.run(arm._watched(Target({}, nobody, unused, np.random.default_rng(1), 1.0, 0, unused)))


def block_of(heard: Heard, times: float, monkeypatch: pytest.MonkeyPatch) -> Work:
    """Return what `come` makes of a block in which calls ended like this."""

    async def nothing(*_: Any) -> Any:
        return heard

    async def share(*_: Any) -> float:
        return 0.25

    for name, made in (("hold_calls", nothing), ("_busy", share), ("_quiet", nothing)):
        monkeypatch.setattr(overload, name, made)
    target: Any = SimpleNamespace(rng=np.random.default_rng(1), seconds=6.0, running=None, block=0)
    return asyncio.run(overload.come(target, times, Capacity(100.0, 9.0)))


@pytest.mark.parametrize(
    ("heard", "times"),
    [
        (Heard(refused=3), 2.0),
        (Heard(given_up=3), 2.0),
        (Heard(refused=1, given_up=1, broken=1), 2.0),
        (Heard(refused=3), 0.5),
    ],
)
def test_an_overload_that_lets_nobody_be_answered_is_a_result(
    heard: Heard, times: float, gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = watched(block_of(heard, times, monkeypatch), gateway, monkeypatch)
    assert row["goodput_per_s"] == 0.0 and row["refused_share"] == heard.refused / heard.asked
    assert (row["requests"], row["failed"]) == (heard.failed, heard.failed)
    assert not {"cpu_ms_per_request", "p50_ms", "p95_ms"} & row.keys()  # of nobody, not of infinitely many
    json_text(row)  # it is stored, which refuses what is no number


@pytest.mark.parametrize(("heard", "times"), [(Heard(broken=3), 2.0), (Heard(given_up=3), 0.5), (Heard(broken=3), 0.5)])
def test_a_system_that_breaks_every_call_or_fails_at_half_its_load_ends_the_experiment(
    heard: Heard, times: float, gateway: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemFailure, match="No request of admission-overload was answered in base, block 0"):
        watched(block_of(heard, times, monkeypatch), gateway, monkeypatch)


def test_any_other_work_without_an_answer_ends_its_experiment(gateway: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemFailure, match="every block needs answered requests"):
        watched(Work(np.zeros(0), failed=3), gateway, monkeypatch)
    assert watched(Work(np.ones(4)), gateway, monkeypatch)["cpu_ms_per_request"] == 500.0


def test_goodput_is_judged_though_a_block_has_no_answer(gateway: Study) -> None:
    """Twelve blocks, in one of which nobody of the base was answered."""
    rng, rows = np.random.default_rng(3), []
    for block in range(12):
        for name, per_s in ((BASE, 1.0), (NULL, 1.0), ("admission=by_lag", 6.0)):
            none = name == BASE and block == 4
            answered = {} if none else {"cpu_ms_per_request": 90 * rng.lognormal(0, 0.01)}
            row = {"arm": name, "block": block, "requests": 60, "failed": 50, "answers": "", "late_p99_ms": 1.0}
            figures = {"goodput_per_s": 0.0 if none else per_s + rng.normal(0, 0.1), "memory_mb": 90 + rng.normal()}
            rows.append(row | figures | answered | {"client_cpu": 0.3, "run_delay": 0.1, "steal": 0.0})
    seen = ExperimentResult(overload.OVERLOADED, tuple(rows), Sizes(12, 6.0, fresh=True))
    judged = {item.figure.column: item for item in judge_arms([seen])}
    assert judged["goodput_per_s"].word == "better" and judged["cpu_ms_per_request"].word == "cannot be computed"
    assert judged["cpu_ms_per_request"].problem == "a block has too few answers for it"
    told = {f.question: f for f in findings(gateway, judge_arms([seen]))}
    assert f"What does admission=by_lag do to {overload.GOODPUT.name}?" in told
