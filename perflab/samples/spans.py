"""From marks to milliseconds: the stages of a unit, and sums of marks that cross process borders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from perflab.errors import UsageError
from perflab.samples.schema import UNITS

CLIENT_MARKS = ("intended", "start", "first", "end")  # the row's own times, stored as <name>_ns
OPTIONAL_PREFIX = "tool_"  # a tool call does not happen in every turn: its marks may all be missing from a sum


class StageLike(Protocol):
    """The time between two marks; `perflab.system` reads them from the TOML."""

    @property
    def name(self) -> str:
        """The stage's name, which is its column."""

    @property
    def from_(self) -> str:
        """The mark where it begins."""

    @property
    def to(self) -> str:
        """The mark where it ends."""


class SumLike(Protocol):
    """A sum of marks with signs."""

    @property
    def name(self) -> str:
        """The sum's name, which is its column."""

    @property
    def plus(self) -> Sequence[str]:
        """Marks that are added."""

    @property
    def minus(self) -> Sequence[str]:
        """Marks that are taken away; as many as `plus`."""

    @property
    def durations(self) -> Sequence[str]:
        """Marks that hold a time span in ns and no moment; they are taken away."""

    @property
    def role(self) -> str:
        """What it is of a unit: "added" by the system, lateness of the "world" around it, or ""."""

    @property
    def minus_ms(self) -> float:
        """A constant taken away, in milliseconds."""

    @property
    def check(self) -> str:
        """The sum that must agree with this one, or ""."""

    @property
    def check_ms(self) -> float:
        """How far the two may lie apart, or how late at p99 the world may be, in milliseconds."""


class SpansLike(Protocol):
    """The [spans] section of a system's TOML."""

    @property
    def stage(self) -> Sequence[StageLike]:
        """All stages."""

    @property
    def sum(self) -> Sequence[SumLike]:
        """All sums."""


@dataclass(frozen=True)
class Reconciliation:
    """Two ways to the same figure, by two clocks: the median of their difference per unit, in milliseconds."""

    name: str
    against: str
    median_ms: float
    p95_ms: float  # of the absolute difference
    limit_ms: float
    n: int

    @property
    def holds(self) -> bool:
        """Whether the two agree within the limit."""
        return self.n > 0 and abs(self.median_ms) <= self.limit_ms


@dataclass(frozen=True)
class Lateness:
    """How much later than it meant to a process of the world answered, over `n` of `units`; NaN where n is 0.

    `late`: units that it answered more than `limit_ms` late; a unit that did not ask it was not made to wait by it.

    `ks`: largest distance between the distributions of the times it meant to take and of those that it took. Both are
    of the same units, so that it is what lateness does to the distribution, without chance of its own. NaN where it
    meant to take one time twice: the steps of such a distribution are higher than what lateness does to it.
    """

    name: str
    p99_ms: float
    ks: float
    limit_ms: float
    n: int
    late: int
    units: int


def stage_times(units: pd.DataFrame, spans: SpansLike) -> pd.DataFrame:
    """Return one column per stage in ms, on the index of `units`; NaN where one of its marks did not happen."""
    times = {}
    for stage in spans.stage:
        times[stage.name] = stage_ms(units, stage)
    return pd.DataFrame(times, index=units.index)


def stage_ms(units: pd.DataFrame, stage: StageLike) -> np.ndarray:
    """Return one stage of each unit in ms; NaN where one of its marks did not happen."""
    begin, end = _marks(units, stage.from_), _marks(units, stage.to)
    return np.where((begin == 0) | (end == 0), np.nan, (end - begin) * 1e-6)


def sum_times(units: pd.DataFrame, spans: SpansLike) -> pd.DataFrame:
    """Return one column per sum in ms, on the index of `units`; see `sum_ms`."""
    return pd.DataFrame({entry.name: sum_ms(units, entry) for entry in spans.sum}, index=units.index)


def reconcile(units: pd.DataFrame, spans: SpansLike) -> list[Reconciliation]:
    """Compare each sum that names a `check` with the sum it names, unit by unit."""
    times, found = sum_times(units, spans), []
    for entry in (entry for entry in spans.sum if entry.check):
        if entry.check not in times:
            raise UsageError(f"Sum {entry.name!r} is checked against {entry.check!r}", "which is no sum of this system")
        apart = (times[entry.name] - times[entry.check]).dropna().to_numpy()
        median, p95 = (
            (float(np.median(apart)), float(np.quantile(abs(apart), 0.95))) if apart.size else (np.nan, np.nan)
        )
        found.append(Reconciliation(entry.name, entry.check, median, p95, entry.check_ms, int(apart.size)))
    return found


def lateness(units: pd.DataFrame, spans: SpansLike) -> list[Lateness]:
    """Return how late the world was by each sum of role "world"; none for one of optional marks that no unit has.

    What a process hears late it does not know of: only its own answers are seen.
    """
    found = []
    for entry in (entry for entry in spans.sum if entry.role == "world"):
        late = sum_ms(units, entry)
        known = np.isfinite(late)
        if not known.any() and all(_is_optional(name, entry) for name in (*entry.plus, *entry.minus)):
            continue
        p99 = float(np.quantile(late[known], 0.99)) if known.any() else np.nan
        apart = _ks(*think_times_ms(units, entry))
        over = int((late[known] > entry.check_ms).sum())
        found.append(Lateness(entry.name, p99, apart, entry.check_ms, int(known.sum()), over, len(units)))
    return found


def think_times_ms(units: pd.DataFrame, entry: SumLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the times in ms that a process of the world meant to take and those that it took, of units that asked it.

    `entry`: a sum of role "world", whose durations are what it meant to take.
    """
    late = sum_ms(units, entry)
    known = np.isfinite(late)
    meant = np.sum([_marks(units, name) for name in entry.durations], axis=0)[known] * 1e-6
    return meant, meant + late[known]


def _ks(meant: np.ndarray, taken: np.ndarray) -> float:
    if not meant.size or np.unique(meant).size < meant.size:
        return np.nan
    steps = np.concatenate((meant, taken))
    below = [np.searchsorted(np.sort(values), steps, side="right") for values in (meant, taken)]
    return float(np.abs(below[0] - below[1]).max() / meant.size)


def sum_ms(units: pd.DataFrame, entry: SumLike) -> np.ndarray:
    """Return one sum of each unit in ms: marks `plus`, less marks `minus`, less `durations`, less `minus_ms`.

    NaN where a mark did not happen, save that the optional marks of a sum (`tool_...`, and those that the entry names
    in `optional`) contribute zero where none of them happened: that turn called no tool. One without the others is a
    lost row, and NaN. So is a sum of optional marks alone, none of which happened: there is nothing to tell.
    """
    if len(entry.plus) != len(entry.minus):
        raise UsageError(f"Sum {entry.name!r} adds {len(entry.plus)} marks and takes away {len(entry.minus)}",
                         "as many of each, or the sum is a date and not a duration")  # fmt: skip
    total, missing = np.zeros(len(units), dtype=np.int64), np.zeros(len(units), dtype=bool)
    optional = {name for name in (*entry.plus, *entry.minus) if _is_optional(name, entry)}
    none_happened = np.all([_marks(units, name) == 0 for name in optional], axis=0) if optional else missing
    if optional.issuperset((*entry.plus, *entry.minus)):
        missing = none_happened
    for names, sign in ((entry.plus, 1), (entry.minus, -1)):
        for name in names:
            values = _marks(units, name)
            total += sign * values
            missing = missing | ((values == 0) & ~(none_happened if name in optional else False))
    for name in entry.durations:
        total -= _marks(units, name)  # a duration of 0 is one: nothing was drawn
    return np.where(missing, np.nan, total * 1e-6 - entry.minus_ms)


def _is_optional(mark: str, entry: SumLike) -> bool:
    return mark.rpartition(".")[2].startswith(OPTIONAL_PREFIX) or mark in getattr(entry, "optional", ())


def _marks(units: pd.DataFrame, name: str) -> np.ndarray:
    column = f"{name}_ns" if name in CLIENT_MARKS else name
    if column not in units.columns:
        known = [*CLIENT_MARKS, *(str(c) for c in units.columns if UNITS.column(str(c)) is None)]
        raise UsageError(f"There is no mark {name!r} in these rows", f"marks are {', '.join(known)}")
    return np.asarray(units[column], dtype=np.int64)
