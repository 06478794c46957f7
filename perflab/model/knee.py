"""Where a ladder of load levels bends: the highest level that surely keeps the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perflab.errors import StatisticError
from perflab.units import percent_text

MOST_FAILED = 0.01  # of a level's units, by default


@dataclass(frozen=True)
class Rung:
    """One level of a ladder: users, the judged figure (a p95, say) with its bounds, and throughput.

    `low` or `high` None: the samples do not bound that side. A NaN figure: there is none, be it that units were few or
    that most failed; a lower percentile may still bound it from below. `failed` is the share that failed of `units`; 0
    units: a share without doubt. `memory_mb`: peak memory of the system in 10^6 bytes.
    """

    users: float
    value: float
    low: float | None
    high: float | None
    throughput_per_s: float = math.nan
    cpu_cores: float = math.nan
    failed: float = 0.0
    units: int = 0
    memory_mb: float = math.nan

    @property
    def surely_failed(self) -> float:
        """The share of failures that the level's units prove: the lower bound of an exact 95 % interval."""
        if not self.units:
            return self.failed
        from perflab.stats.proportion import clopper_pearson

        return clopper_pearson(round(self.failed * self.units), self.units).low or 0.0


@dataclass(frozen=True)
class Knee:
    """The highest level at which the target surely holds, and the bracket in which the true knee lies.

    `users` None: it holds surely at no level. `above` None: no level surely breaks it, so the knee lies at or beyond
    the ladder's end and nothing is known of how far.
    """

    users: float | None
    above: float | None
    unsure: tuple[float, ...]
    explanation: str

    @property
    def is_bracketed(self) -> bool:
        """Whether the ladder went far enough to see the target broken."""
        return self.above is not None


def knee_at_target(rungs: Sequence[Rung], limit: float, *, most_failed: float = MOST_FAILED) -> Knee:
    """Return the knee of a ladder at a target "value below `limit`, at most `most_failed` of the units failing".

    A level holds when its whole interval lies below the limit and no more than `most_failed` failed. It breaks when
    its whole interval lies above, or when surely more failed: one failure of few units is no proof. Levels count from
    the bottom: a level that holds above one that broke is luck, not capacity. All others are unsure and bound
    neither side.
    """
    ordered = _ladder(rungs)
    holds: float | None = None
    unsure: list[float] = []
    for rung in ordered:
        if rung.surely_failed > most_failed or (rung.low is not None and rung.low >= limit):
            return Knee(holds, rung.users, tuple(unsure), _words(holds, rung, unsure, most_failed))
        if rung.high is not None and rung.high < limit and rung.failed <= most_failed:
            holds, unsure = rung.users, []
        else:
            unsure.append(rung.users)
    return Knee(holds, None, tuple(unsure), _words(holds, None, unsure, most_failed))


def _ladder(rungs: Sequence[Rung]) -> list[Rung]:
    ordered = sorted(rungs, key=lambda rung: rung.users)
    if not ordered:
        raise StatisticError("`rungs` holds no level", "at least 1 is needed")
    if len({rung.users for rung in ordered}) < len(ordered):
        raise StatisticError("`rungs` holds one level twice", "each level must occur once")
    return ordered


def _words(holds: float | None, above: Rung | None, unsure: Sequence[float], most_failed: float) -> str:
    held = f"holds at {holds:g} users" if holds is not None else "holds surely at no level"
    broken = f"breaks at {above.users:g}" if above is not None else "is not seen to break: the ladder ended first"
    if above is not None and above.surely_failed > most_failed:
        broken += f", where {percent_text(above.failed)} of " + (f"{above.units:,} units" if above.units else "units")
        broken += " failed"
    middle = f", is unsure at {', '.join(f'{u:g}' for u in unsure)}" if unsure else ""
    return f"the target {held}{middle} and {broken}"
