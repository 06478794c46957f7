"""A series of like figures over time, its change points, and what is suspicious at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

from perflab.errors import NotComparable, StatisticError
from perflab.history.row import Row, SeriesKey, key_of
from perflab.stats.change_points import Candidate, ChangePoint, candidate, change_points

RECENT = 12  # a change point among the last so many runs is a suspect: it takes about 8 runs to be seen at all


@dataclass(frozen=True)
class Suspect:
    """Where a series seems to have become worse: worth an interleaved measurement, never a verdict."""

    run_id: str
    commit: str
    last_good: str  # commit of the last run before
    change: float  # share of the level before, in the direction of the figure
    why: str


@dataclass(frozen=True)
class Timeline:
    """One series in order of time. `problem` says why change points cannot be computed, "" when they were."""

    key: SeriesKey
    rows: tuple[Row, ...]
    untrusted: int
    changes: tuple[ChangePoint, ...]
    candidate: Candidate | None
    problem: str

    @property
    def last(self) -> Row:
        """The newest figure."""
        return self.rows[-1]

    @property
    def values(self) -> list[float]:
        """The figures in order of time."""
        return [row.value for row in self.rows]

    def suspect(self) -> Suspect | None:
        """Return the latest move to the worse: a candidate, else a change point among the last runs, else None."""
        recent = [change for change in reversed(self.changes) if change.index >= len(self.rows) - RECENT]
        moves: list[Candidate | ChangePoint] = [*([self.candidate] if self.candidate else []), *recent]
        for move in moves:
            if (move.after > move.before) == self.last.lower_is_better:
                row, before = self.rows[move.index], self.rows[move.index - 1]
                return Suspect(row.run_id, row.commit, before.commit, move.change, _why(move))
        return None


def timelines(rows: Sequence[Row]) -> list[Timeline]:
    """Return one timeline for each series in `rows`; unlike environments, efforts or units never share one."""
    groups: dict[SeriesKey, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key_of(row)].append(row)
    return [timeline(group) for _, group in sorted(groups.items())]


def timeline(rows: Sequence[Row]) -> Timeline:
    """Return the timeline of rows of one series in order of time.

    Untrusted rows are counted and left out. Raises NotComparable naming what differs when the rows are not of one
    series, and StatisticError for no rows or rows out of order; what else forbids change points becomes `problem`.
    """
    if not rows:
        raise StatisticError("A timeline was given no rows", "at least one finished run is needed")
    key = one_key(rows)
    times = [row.time for row in rows]
    if times != sorted(times):
        raise StatisticError(
            f"The runs of {key.label} are not in order of time", "a history must be", "Sort them first"
        )
    kept = tuple(row for row in rows if row.trusted)
    untrusted = len(rows) - len(kept)
    if not kept:
        return Timeline(key, tuple(rows), untrusted, (), None, "cannot be computed, because no run was trusted")
    values = [row.value for row in kept]
    changes, problem = _changes(values)
    return Timeline(key, kept, untrusted, changes, _candidate(values, changes), problem)


def one_key(rows: Sequence[Row]) -> SeriesKey:
    """Return the key that all rows share; raises NotComparable naming the fields that differ."""
    keys = sorted({key_of(row) for row in rows})
    if len(keys) > 1:
        unlike = [f.name for f in fields(SeriesKey) if len({getattr(key, f.name) for key in keys}) > 1]
        seen = "; ".join(f"{name}: {', '.join(sorted({str(getattr(key, name)) for key in keys}))}" for name in unlike)
        raise NotComparable(f"These figures are not of one series ({seen})", "a series holds like with like",
                            "Name one metric, system and machine")  # fmt: skip
    return keys[0]


def _why(move: Candidate | ChangePoint) -> str:
    if isinstance(move, Candidate):
        return f"the last runs stand z = {move.z:+.1f} robust standard errors apart"
    return f"change point, p = {move.p_value:.3g}"


def _changes(values: list[float]) -> tuple[tuple[ChangePoint, ...], str]:
    try:
        return change_points(values), ""
    except StatisticError as error:
        return (), f"cannot be computed, because {_lower(error)}"


def _candidate(values: list[float], changes: tuple[ChangePoint, ...]) -> Candidate | None:
    """Look at the last points of the present level; where a spread cannot be had, nothing is proposed."""
    start = changes[-1].index if changes else 0
    try:
        found = candidate(values[start:])
    except StatisticError:
        return None
    return Candidate(found.index + start, found.before, found.after, found.z) if found else None


def _lower(error: StatisticError) -> str:
    return str(error).replace("`x`", "the series").rstrip(".")
