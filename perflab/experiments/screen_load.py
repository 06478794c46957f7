"""How much a screening may start side by side: arms that fill the system's cores starve each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perflab.experiments.block_work import seconds_apart
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Trial, read_trial
from perflab.system.variant import BASELINE

if TYPE_CHECKING:
    from perflab.experiments.screen import ScreenPlan

# Cores' worth of work that one core may be asked for: arms that all wait for it are slowed alike, and CPU is charged to
# the process that uses it. At 2 to 2.5 identical arms differed as they do below it; at 3.5, on a machine that did other
# work, no unit of fourteen arms ended for ten seconds.
ROOM = 2.5
LEAST_USERS = 2
FIRST_BLOCKS = 6  # the fewest that a comparison ends with: every session of a run has them


def fitted(plan: ScreenPlan, arms: Callable[[int], int], user_cores: float | None, cores: int) -> ScreenPlan:
    """Return the plan with as many users an arm, or as few flags together, as the system's cores can bear at once.

    `arms`: how many arms a plan with so many flags together starts at most. `user_cores`: cores that one user of the
    baseline keeps busy, None = not known, and the plan stays. Fewer users come first, down to two: they cost precision,
    while a further group costs a whole stretch of time. Approximation: every arm is taken to cost what the baseline
    does. Weakness: on a full core a process finds more to do each time it runs, and a unit costs less than it does
    alone, by half in the gateway: one more reason why nothing of a screening is published. Example: 14 arms of 5 users
    at 0.05 cores each ask for 3.5 cores of one; with 3 users it is 2.1.
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
    """Return how many cores one user of the baseline keeps busy, by the blocks or the ladder of this run; None without.

    CPU per unit over the time from one unit of a user to the next as they were due: a pace is in it, and the queue of
    a baseline that is too slow is not. Where each user does one unit, over the time that it takes: without the pause
    that follows it, so a little above what is asked for. Median over the trials, of the first blocks only: a resumed
    run may go on to more of them, and must find the same plan.
    """
    asked, folder = [], study.run.folder("samples")
    blocks = sorted(folder.glob(f"trial.compare-b*-{BASELINE}.json"))[:FIRST_BLOCKS]
    for path in blocks or folder.glob(f"trial.ladder-{BASELINE}.json"):  # without blocks: judge = "baseline"
        asked.append(_of(study, read_trial(study, path.name.removeprefix("trial.").removesuffix(".json"))))
    known = [value for value in asked if value is not None]
    return float(np.median(known)) if known else None


def _of(study: Study, trial: Trial) -> float | None:
    kind = study.system.load.unit_kind
    rows = trial.units[(trial.units["kind"] == kind) & (trial.units["outcome"] == "ok")]
    took = (rows["end_ns"] - np.where(rows["start_ns"] > 0, rows["start_ns"], rows["intended_ns"])) / NS
    busy = seconds_apart(trial, kind) or (float(took.median()) if len(rows) else 0.0)
    return trial.system_cpu_s() / len(rows) / busy if len(rows) and busy > 0 else None
