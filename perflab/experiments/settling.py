"""Settling: the warm-up that each stretch of a load really had, beside the one that was declared for it.

Nothing is cut by what is found here: the declared settling time marks rows before anyone has seen them, and this says
whether it was enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.trial import NS, Trial
from perflab.experiments.units_of_work import response_ms
from perflab.findings.finding import TrustCheck
from perflab.stats.warmup import find_warm_up

State = Literal["steady", "late shift", "never steady", "too few units"]


@dataclass(frozen=True)
class Settling:
    """One stretch: `found_s` is when its response times settled, seconds from its start; None = not found."""

    scenario: str
    declared_s: float
    found_s: float | None
    state: State
    n: int

    @property
    def outlasts(self) -> bool:
        """Whether warm-up went on after the declared settling time, into what is judged."""
        return self.state == "steady" and self.found_s is not None and self.found_s > self.declared_s

    @property
    def text(self) -> str:
        """The finding in a table's cell."""
        if self.state != "steady" or self.found_s is None:
            return self.state
        return f"{self.found_s:.1f} of {self.declared_s:.1f} declared"


def settling_of(trial: Trial, scenario: str, kind: str) -> Settling | None:
    """Return how the response times of one segment settled, warm-up rows included; None where no settling is declared.

    Stretches without a declared settling time (a spike, its before and after) change on purpose.
    """
    segment = next(s for s in trial.spec.segments if s.scenario == scenario)
    if segment.settle_s <= 0:
        return None
    units = trial.units
    rows = units[(units["kind"] == kind) & (units["scenario"] == scenario)]
    rows = rows[rows["outcome"].isin(("ok", "interrupted"))]
    times = response_ms(rows)
    try:
        found = find_warm_up(times)
    except StatisticError:
        return Settling(scenario, segment.settle_s, None, "too few units", len(times))
    at_s = (rows["intended_ns"].to_numpy(dtype=np.int64) - trial.facts.go_ns) / NS - segment.start_s
    since = float(at_s[found.cut]) if found.cut else 0.0
    return Settling(scenario, segment.settle_s, since, found.state, len(times))


def settled_check(stretches: Iterable[Settling | None]) -> TrustCheck:
    """Return the check that every stretch had a steady run; a warning, because a level may honestly not hold."""
    known = [s for s in stretches if s is not None and s.state != "too few units"]
    unsteady = [s for s in known if s.state != "steady"]
    named = ", ".join(f"{s.scenario} {s.state}" for s in unsteady[:4])
    return TrustCheck(
        name="stretches of load settle",
        passed=not unsteady,
        veto=False,
        observed=f"{len(known) - len(unsteady)} of {len(known)} steady" + (f"; {named}" if named else ""),
        limit="steady before half of each stretch",
        next_step="Hold each level longer (--effort full), or look for what changes within it" if unsteady else "",
    )


def settling_caveats(stretches: Iterable[Settling | None]) -> tuple[str, ...]:
    """Return a caveat for stretches whose warm-up outlasts the declared settling time, and so is judged with them."""
    late = [s for s in stretches if s is not None and s.outlasts]
    if not late:
        return ()
    told = ", ".join(f"{s.scenario} {s.found_s:.1f} s" for s in late[:4])
    return (f"warm-up outlasts the declared settling time of {late[0].declared_s:.1f} s: {told}",)
