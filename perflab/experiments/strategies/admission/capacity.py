"""How many calls a second one core of the system carries: measured first, so that an overload is one on any machine."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perflab.errors import RunCorrupt, SystemFailure
from perflab.experiments.code_state import commit_of
from perflab.experiments.strategies.admission.callers import hold_calls
from perflab.experiments.strategies.arm import Arm, cpu_now, started
from perflab.experiments.strategies.experiment import BASE, StrategyExperiment, Target
from perflab.experiments.study import Study
from perflab.runs import write_atomic

FIRST_PER_S, STEP_S = 1.5, 4.0  # six calls, on any machine that can hold one
SHARES = (0.6, 0.9)  # of what the step before promises: a busier loop does more each time it wakes
MOST_FAILED = 0.05  # of a step's calls: what one costs that hung up half way says nothing


@dataclass(frozen=True)
class Capacity:
    """What calls cost at a known load: `per_s` of them would use up one core."""

    cpu_ms_per_call: float
    measured_at_per_s: float

    @property
    def per_s(self) -> float:
        """Calls a second that use up one core."""
        return 1000 / self.cpu_ms_per_call


def capacity_of(study: Study, experiment: StrategyExperiment) -> Capacity:
    """Return what one core of an experiment's base carries, measured once for a run, then read back.

    The CPU of a call at a light load, then at 0.6 and at 0.9 of the load that the step before promises; the last step
    that calls did not fail in counts. Why the CPU and no ladder up to where calls are late: it takes 20 s instead of a
    minute, and a ladder's last rung is itself an overload. Approximation: one more call may cost less where the loop is
    full than at 0.9, so that more is carried than this says, by as much; whether the load was an overload shows in the
    base's own turns in time. Weakness: where others take part of the core less is carried; the check on waiting for a
    core tells. Raises RunCorrupt where what the run has of it cannot be read.
    """
    path = study.run.folder("samples") / "admission.capacity.json"
    known = {"base": experiment.base, "seed": study.seed, "commit": commit_of(study.system.path.parent)}
    kept = _kept(path, known)
    if kept:
        return kept
    study.progress("admission", 0, 1, "what one core carries")
    folder = study.run.folder("trials") / "admission-capacity"
    # Calls are of the same sessions each time: histories that an interrupted calibration stored would make them dearer.
    shutil.rmtree(folder, ignore_errors=True)
    with started(study, experiment, BASE, experiment.base, folder) as arm:
        found = _step(study, arm, FIRST_PER_S, 0)
        if found is None:
            raise SystemFailure(
                f"No call was answered at {FIRST_PER_S:g}/s, while nothing else was asked of the system",
                "what one core carries is measured with calls that are", f"See the logs in {folder}",
            )  # fmt: skip
        for number, share in enumerate(SHARES, 1):
            found = _step(study, arm, share * found.per_s, number) or found
    write_atomic(path, json.dumps({**known, **asdict(found)}))
    return found


def _kept(path: Path, known: Mapping[str, Any]) -> Capacity | None:
    """Return what the run has measured already of this very system, None where it has not."""
    if not path.exists():
        return None
    try:
        seen = json.loads(path.read_text(encoding="utf-8"))
        if {name: seen.get(name) for name in known} != known:
            return None
        found = Capacity(float(seen["cpu_ms_per_call"]), float(seen["measured_at_per_s"]))
        if not all(math.isfinite(value) and value > 0 for value in asdict(found).values()):
            raise ValueError("a figure of it is not above 0")
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunCorrupt(
            f"What one core carries cannot be read ({error})", "", f"Delete {path} to measure again"
        ) from None


def _step(study: Study, arm: Arm, per_s: float, number: int) -> Capacity | None:
    """Return what calls cost at a rate, None where too many failed for that: in the first step where all did."""
    rng = np.random.default_rng([study.seed, number])
    target = Target(arm.endpoints, arm.running, arm.client, rng, STEP_S, number, arm.running.variant)
    times = np.arange(0, STEP_S, 1 / per_s)
    before = cpu_now(arm.running)
    heard = arm.loop.run(hold_calls(target, times))
    spent = spent_s(before, cpu_now(arm.running))
    needed = (1 - MOST_FAILED) * heard.asked if number else 1
    if len(heard.answered_ms) < needed or spent <= 0:
        return None
    return Capacity(1000 * spent / heard.asked, per_s)


def spent_s(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Return the CPU seconds between two readings by process."""
    return sum(max(now - before.get(pid, 0.0), 0.0) for pid, now in after.items())


def told(capacity: Capacity) -> dict[str, Any]:
    """Return the capacity as a row tells it."""
    return {"one_core_per_s": capacity.per_s, "capacity_cpu_ms": capacity.cpu_ms_per_call}
