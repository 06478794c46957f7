"""Settling: the warm-up that each stretch of a load really had, and the rows that it marks.

Found warm-up is marked in the rows and in the judged windows, and never shorter than the one that was declared before
anyone had seen them; rows stay, and both lengths are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec
from perflab.experiments.units_of_work import response_ms
from perflab.findings.finding import TrustCheck
from perflab.stats.warmup import find_warm_up

if TYPE_CHECKING:
    import pandas as pd

State = Literal["steady", "late shift", "never steady", "too few units"]


@dataclass(frozen=True)
class Settling:
    """One stretch: `found_s` is when its response times settled, seconds from its start; None = not found.

    `marked_s`: up to where its rows are marked as warm-up and left out of every figure.
    """

    scenario: str
    declared_s: float
    found_s: float | None
    state: State
    n: int
    marked_s: float = 0.0

    @property
    def longer(self) -> bool:
        """Whether more than the declared settling time was marked, because it was found to last longer."""
        return self.marked_s > self.declared_s

    @property
    def outlasts(self) -> bool:
        """Whether warm-up went on after what is marked, into what is judged (of a kind of rows that does not mark)."""
        return self.state == "steady" and self.found_s is not None and self.found_s > self.marked_s

    @property
    def text(self) -> str:
        """The finding in a table's cell."""
        if self.state != "steady" or self.found_s is None:
            return self.state
        return f"{self.found_s:.1f} of {self.declared_s:.1f} declared"


def settled_segments(units: pd.DataFrame, spec: TrialSpec, go_ns: int, kind: str) -> tuple[float, ...]:
    """Return how many seconds of each segment are warm-up: as declared, or as found in its units, whichever is longer.

    `units`: labelled rows (see `collect_trial.label`); `kind`: the unit of work, whose response times are searched.
    Only a stretch that settles before half of its units is marked beyond what was declared: of one that never settles
    nothing says which part to judge, and `settled_check` warns. Stretches without a declared settling time (a spike,
    a block) change on purpose, or do a fixed amount of work, and stay whole. Weakness: a cut that is chosen by looking
    at the response times may move their level by the 2 % within which levels count as equal.
    """
    found = [_of_rows(units, s, go_ns, kind) for s in spec.segments]
    return tuple(s.settle_s if f is None else f.marked_s for s, f in zip(spec.segments, found, strict=True))


def settling_of(trial: Trial, scenario: str, kind: str) -> Settling | None:
    """Return how the response times of one segment settled, warm-up rows included; None where no settling is declared.

    Rows of another kind than the unit of work may settle later than what is marked: then `outlasts` says so.
    """
    segment = next(s for s in trial.spec.segments if s.scenario == scenario)
    return _of_rows(trial.units, segment, trial.facts.go_ns, kind, trial.settle_s(segment))


def _of_rows(
    units: pd.DataFrame, segment: Segment, go_ns: int, kind: str, marked_s: float | None = None
) -> Settling | None:
    """Search one segment; `marked_s` None: what is found decides what will be marked."""
    if segment.settle_s <= 0:
        return None
    rows = units[(units["kind"] == kind) & (units["scenario"] == segment.scenario)]
    rows = rows[rows["outcome"].isin(("ok", "interrupted"))]
    times, declared = response_ms(rows), segment.settle_s
    try:
        found = find_warm_up(times)
    except StatisticError:
        return Settling(segment.scenario, declared, None, "too few units", len(times), marked_s or declared)
    at_s = (rows["intended_ns"].to_numpy(dtype=np.int64) - go_ns) / NS - segment.start_s
    since = float(at_s[found.cut]) if found.cut else 0.0
    longest = max(declared, since) if found.steady else declared
    return Settling(segment.scenario, declared, since, found.state, len(times), marked_s or longest)


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
    """Return what a reader must know of warm-up: where more than declared was left out, and where some is judged."""
    known = [s for s in stretches if s is not None]
    longer, late = [s for s in known if s.longer], [s for s in known if s.outlasts]
    told = []
    if longer:
        named = ", ".join(f"{s.scenario} {s.marked_s:.1f} s" for s in longer[:4])
        told.append(f"warm-up lasted longer than the {longer[0].declared_s:.1f} s declared and is left out: {named}")
    if late:
        named = ", ".join(f"{s.scenario} {s.found_s:.1f} s" for s in late[:4])
        told.append(f"warm-up outlasts the {late[0].marked_s:.1f} s that are left out: {named}")
    return tuple(told)
