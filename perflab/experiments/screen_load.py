"""How much a screening may start side by side: arms that fill the system's cores starve each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Trial, read_trial
from perflab.system.variant import BASELINE

if TYPE_CHECKING:
    from perflab.experiments.screen import ScreenPlan

ROOM = 0.8  # of the system's cores: above it 14 arms let no unit end for ten seconds on two cores
LEAST_USERS = 2


def fitted(plan: ScreenPlan, arms: Callable[[int], int], user_cores: float | None, cores: int) -> ScreenPlan:
    """Return the plan with as many users an arm, or as few flags together, as leave the system's cores some air.

    `arms`: how many arms a plan with so many flags together starts at most. `user_cores`: cores that one user of the
    baseline keeps busy, None = not known, and the plan stays. Fewer users come first, down to two: they cost precision,
    while a further group costs a whole stretch of time. Approximation: every arm is taken to cost what the baseline
    does. Example: 14 arms of 5 users at 0.024 cores each ask for 1.7 cores of one; with 2 users it is 0.67.
    """
    if not user_cores or user_cores <= 0:
        return plan
    room = ROOM * cores / user_cores  # users at once
    users = int(room // arms(plan.together))
    if users >= LEAST_USERS:
        return replace(plan, users=min(plan.users, users))
    least = min(plan.users, LEAST_USERS)
    together = next((n for n in range(max(int(room // least), 1), 1, -1) if arms(n) * least <= room), 1)
    return replace(plan, users=least, together=together)


def user_cores(study: Study) -> float | None:
    """Return how many cores one user of the baseline keeps busy, by the blocks that this run has; None without any.

    CPU per unit over the time that a unit takes, medians over the trials: without pauses between units, so a little
    above what a user with pauses asks for.
    """
    asked = []
    for path in sorted(study.run.folder("samples").glob(f"trial.compare-b*-{BASELINE}.json")):
        asked.append(_of(study, read_trial(study, path.name.removeprefix("trial.").removesuffix(".json"))))
    known = [value for value in asked if value is not None]
    return float(np.median(known)) if known else None


def _of(study: Study, trial: Trial) -> float | None:
    rows = trial.units[(trial.units["kind"] == study.system.load.unit_kind) & (trial.units["outcome"] == "ok")]
    took = (rows["end_ns"] - np.where(rows["start_ns"] > 0, rows["start_ns"], rows["intended_ns"])) / NS
    if len(rows) == 0 or not float(took.median()) > 0:
        return None
    return trial.system_cpu_s() / len(rows) / float(took.median())
