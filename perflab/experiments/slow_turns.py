"""The slowest units of work: how much of them is the system's own, and so how much of them code can cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perflab.experiments.study import Study

if TYPE_CHECKING:
    import pandas as pd

SLOW = 0.95
FEWEST = 3


@dataclass(frozen=True)
class SlowTurns:
    """Means over the units at or beyond the 95th percentile, in ms.

    `total_ms` from start to answer; `own_ms` in the system's own stages outside of others; `inside_ms` in stages that
    it shares with others and in its own inside another one (a tool call during think time), mostly waiting for others.
    """

    n: int
    slow: int
    total_ms: float
    own_ms: float
    inside_ms: float

    @property
    def busy(self) -> float:
        """Return the share of a slow unit in the system's own outer stages, which its functions divide."""
        return self.own_ms / self.total_ms

    @property
    def bound(self) -> float:
        """Return the share that no function can exceed: all stages in which the system holds the unit."""
        return min(1.0, (self.own_ms + self.inside_ms) / self.total_ms)

    def sentence(self, unit: str) -> str:
        """Say the bound, and how the shares by place are estimated."""
        held = self.own_ms + self.inside_ms
        return (
            f"In the slowest {self.slow} of {self.n} {unit}s ({self.total_ms:.0f} ms on average) the system holds the "
            f"{unit} for {held:.1f} ms, its waiting included, so no function can take more than "
            f"{100 * self.bound:.1f} % of a slow {unit}. A place's own share is an estimate: its CPU and blocking per "
            f"{unit}, at most its part of the {self.own_ms:.1f} ms of own stages; waiting behind other {unit}s is not "
            "in it."
        )


def slow_turns(study: Study, rows: pd.DataFrame) -> SlowTurns | None:
    """Return the slow units of `rows`; None without stages, or with fewer than three times the fewest slow ones."""
    from perflab.samples.spans import stage_times

    stages = study.system.spans.stage
    rows = rows[rows["outcome"] == "ok"]
    if not stages or len(rows) < 3 * FEWEST:
        return None
    times = stage_times(rows, study.system.spans)
    outer = times[[s.name for s in stages if not s.inside]].dropna()
    total = outer.sum(axis=1).to_numpy()
    if len(total) < 3 * FEWEST:
        return None
    slow = np.argsort(total)[-max(FEWEST, round(len(total) * (1 - SLOW))) :]
    chosen = times.loc[outer.index].iloc[slow].fillna(0.0)
    own = chosen[[s.name for s in stages if s.owner == "system" and not s.inside]].sum(axis=1)
    inside = chosen[[s.name for s in stages if s.owner == "shared" or (s.owner == "system" and s.inside)]].sum(axis=1)
    return SlowTurns(len(total), len(slow), float(total[slow].mean()), float(own.mean()), float(inside.mean()))
