"""How much work a trial of a paired block does, and which part of it is left out of its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perflab.experiments.effort import Effort
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import ANSWERED, Window, cpu_in_window, judged_rows, units_done
from perflab.system.variant import BASELINE

if TYPE_CHECKING:
    import pandas as pd

    from perflab.system.spec import System

BLOCK_S = 5.0  # of work for each user in a trial, where its units are shorter than that
PACE_S = 3.0  # of looking at how fast one unit of a user follows the other
LIMIT_S = 60.0  # bounds what hangs: a block ends by itself, and an arm five times as slow is to be judged too
LEFT_OUT = 5  # one unit of so many: the first ones meet a process that has connected, compiled and cached nothing
BLOCK_OPTIONS = {"think_s": 0.3, "phrase_max_s": 1.2}


@dataclass(frozen=True)
class BlockWork:
    """The units that each user does in a trial, and the longest that they may take, s."""

    units: int
    limit_s: float


def block_work(study: Study, sizes: Effort) -> BlockWork:
    """Return the work of a trial: the effort's units, or as many as a user does in BLOCK_S where units are short.

    Forty requests are over in a fraction of a second and tell of the start of a process; forty turns of 5 s do not.
    How fast units follow each other stands in the load file and is measured, in one short trial of the baseline
    (`pace`, read back where the run has it), under the users of a block: by when units were due, or ended where the
    baseline cannot keep up. Units that by the system's file fill BLOCK_S need no such trial.
    `time_scale` shortens it, as all stretches. Raises what a trial raises.
    """
    usual = BlockWork(sizes.units_per_user, _limit_s(sizes.units_per_user, study.system.load.probe_seconds))
    lasting = BLOCK_S * min(study.time_scale, 1.0)
    if sizes.units_per_user * study.system.load.probe_seconds >= lasting:
        return usual
    study.progress("blocks", 0, 1, "how fast one unit follows the other", PACE_S + 4.0)
    pace, kind = run_trial(study, pace_spec(study, sizes.block_users)), study.system.load.unit_kind
    apart = max(seconds_apart(pace, kind), seconds_apart(pace, kind, "end_ns"))
    if not apart or sizes.units_per_user * apart >= lasting:
        return usual
    units = math.ceil(lasting / apart - 1e-6)
    return BlockWork(units, max(_limit_s(units, apart), LIMIT_S))


def _limit_s(units: int, apart_s: float) -> float:
    return 10.0 + 2.0 * units * apart_s


def pace_spec(study: Study, users: int) -> TrialSpec:
    """Return the trial in which the pace of the units is seen: the baseline, users who come at once and stay."""
    return TrialSpec(
        name="pace",
        variant=BASELINE,
        steps=((0.0, users), (PACE_S, 0)),
        duration_s=PACE_S,
        segments=(Segment("pace", 0.0, PACE_S, users),),
        seed=study.seed,
        options=BLOCK_OPTIONS,
        drain_s=2.0,
    )


def seconds_apart(trial: Trial, kind: str, by: str = "intended_ns") -> float:
    """Return the median time between two units of a user, s, as they were due or answered (`by` end_ns).

    0 where no user came to a second.
    """
    rows = trial.units[trial.units["kind"] == kind]
    if by != "intended_ns":
        rows = rows[rows["outcome"].isin(ANSWERED)]
    rows = rows.sort_values(by, kind="stable")
    apart = rows.groupby("user")[by].diff().dropna().to_numpy(dtype=float)
    return float(np.median(apart)) / NS if apart.size else 0.0


def units_left_out(spec: TrialSpec) -> int:
    """Return how many first units of each user a block's figures leave out: a fifth, none where there are under 5."""
    return int(spec.options.get("units_per_user", 0)) // LEFT_OUT


def counted_rows(trial: Trial, kind: str) -> pd.DataFrame:
    """Return the rows of a block's trial that its figures are made of: the same units of every user in all arms."""
    rows = judged_rows(trial, kind)
    first = units_left_out(trial.spec)
    return rows[_rank(rows) > first] if first else rows


def cpu_s_per_unit(trial: Trial, system: System) -> float:
    """Return the system's CPU for each answered unit, s; NaN without one.

    Without units left out: all of it over all of them. Else from when the middle user had ended its first fifth:
    units then under way count by the share of their time that lies behind it, which no arm gains by.
    """
    rows = judged_rows(trial, system.load.unit_kind)
    good = rows[rows["outcome"].isin(ANSWERED)]
    first = units_left_out(trial.spec)
    if not first:
        return trial.system_cpu_s() / len(good) if len(good) else float("nan")
    ended = good.loc[_rank(good) == first, "end_ns"].to_numpy(dtype=np.int64)
    if not ended.size:
        return float("nan")
    span = Window(int(np.median(ended)), trial.facts.end_ns)
    done = units_done(good, span)
    roles = trial.resources.drop_duplicates("process").set_index("process")["role"]  # servers of role "system" too
    used = sum(cpu_in_window(trial, name, span) for name, role in roles.items() if role == "system")
    return used / done if done > 0 else float("nan")


def _rank(rows: pd.DataFrame) -> pd.Series:
    """Return the place of each unit among those of its user, from 1: load files count from where they like."""
    return rows.groupby("user")["seq"].rank(method="dense")


def first_units(units_per_user: int, unit: str) -> str:
    """Say which units a block's figures are made of; "" where that is not known."""
    if units_per_user <= 0:
        return ""
    if left := units_per_user // LEFT_OUT:
        return f"of {units_per_user} {unit}s of each user the first {left} are left out: the process has just started"
    many = f"{units_per_user} {unit}s" if units_per_user > 1 else unit
    return f"each trial is the first {many} of each user on a process that has just started"
