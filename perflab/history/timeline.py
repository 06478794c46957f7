"""A series of like figures over time, its change points, and what is suspicious at its end."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from perflab.errors import NotComparable, StatisticError
from perflab.history.row import Row, SeriesKey, key_of
from perflab.history.wording import level_text, move_text
from perflab.stats.change_points import (
    MAGNITUDE,
    REFERENCE,
    Candidate,
    ChangePoint,
    candidate,
    change_points,
    fewest_points,
)

NEAR = 3  # runs within which a changed file may explain a move: a change point is placed no better than that
NEEDED = REFERENCE + 1  # runs of one level, before a candidate can be looked for
BACK = 2  # so many runs say that a figure is back
RECENT = 12  # a change point among the last so many runs is a suspect: it takes about 8 runs to be seen at all


@dataclass(frozen=True)
class Suspect:
    """Where a series seems to have become worse: worth an interleaved measurement, never a verdict."""

    run_id: str
    commit: str
    last_good: str  # commit of the last run before
    change: float  # share of the level before, in the direction of the figure
    moved: str  # the same for people
    why: str


@dataclass(frozen=True)
class Timeline:
    """One series in order of time.

    `problem` says why change points cannot be computed, "" when they were; `unseen` why no candidate can be looked for
    at its end. `files`: the indices of the runs whose system file is not that of the run before.
    """

    key: SeriesKey
    rows: tuple[Row, ...]
    untrusted: int
    changes: tuple[ChangePoint, ...]
    candidate: Candidate | None
    problem: str
    unseen: str = ""
    files: tuple[int, ...] = ()

    @property
    def last(self) -> Row:
        """The newest figure."""
        return self.rows[-1]

    @property
    def values(self) -> list[float]:
        """The figures in order of time."""
        return [row.value for row in self.rows]

    def suspect(self) -> Suspect | None:
        """Return the latest move to the worse among the last runs that is not over: a candidate or a change point.

        Over is a move whose level before it is back. One run alone says that of no change point: a lucky one would
        clear what many runs have shown.
        """
        move = next((m for m in reversed(self._moves()) if self._worse(m.before, m.after) and not self._over(m)), None)
        if move is None:
            return None
        row, before = self.rows[move.index], self.rows[move.index - 1]
        why = "; ".join(filter(None, (_why(move), self.file_change(move))))
        return Suspect(row.run_id, row.commit, before.commit, move.change, self.moved(move), why)

    def _moves(self) -> list[Candidate | ChangePoint]:
        recent = [change for change in self.changes if change.index >= len(self.rows) - RECENT]
        return [*recent, *([self.candidate] if self.candidate else [])]

    def _worse(self, before: float, after: float) -> bool:
        """Whether a level is to the worse of another by more than the least change that is ever reported."""
        if self.last.lower_is_better is None:
            return False
        return (after - before if self.last.lower_is_better else before - after) > MAGNITUDE * abs(before)

    def _over(self, move: Candidate | ChangePoint) -> bool:
        later = [m for m in self._moves() if m.index > move.index and len(self.rows) - m.index >= BACK]
        return bool(later) and not self._worse(move.before, later[-1].after)

    def level(self, value: float) -> str:
        """Show a value of this series."""
        return level_text(value, self.key.metric, self.key.unit)

    def moved(self, move: Candidate | ChangePoint) -> str:
        """Say how far a move went."""
        return move_text(move.before, move.after, self.key.metric, self.key.unit)

    def file_change(self, move: Candidate | ChangePoint) -> str:
        """Say that the system's file changed where a move is; "" when it did not.

        A candidate is placed less well than a change point: one of RECENT runs is near enough to explain it.
        """
        reach = RECENT if isinstance(move, Candidate) else NEAR
        near = [self.rows[at].run_id for at in self.files if abs(at - move.index) <= reach]
        return f"the system's file changed there, with run {near[-1]}" if near else ""

    @property
    def unjudged(self) -> str:
        """Why nothing can be said yet of the end of this series; "" when it was searched, or has a suspect."""
        if self.suspect():
            return ""
        if self.last.lower_is_better is None:
            return "nothing says whether less or more of it is better"
        return self.unseen


def unjudged_sentence(found: Sequence[Timeline]) -> str:
    """Say how many series cannot be judged yet, and why; "" when all can."""
    reasons = Counter(line.unjudged for line in found if line.unjudged)
    if not reasons:
        return ""
    told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    return f"{reasons.total()} of {len(found)} series cannot be judged yet, because {told}."


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
        said = "no run was trusted"
        return Timeline(key, tuple(rows), untrusted, (), None, f"cannot be computed, because {said}", said)
    values = [row.value for row in kept]
    changes, problem = _changes(values)
    found, unseen = _candidate(values, changes)
    short = f"they have fewer than {fewest_points()} runs" if len(values) < fewest_points() else ""
    return Timeline(key, kept, untrusted, changes, found, problem, unseen or short, _files(kept))


def _files(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return where the digest of the system's file differs from the run before; an unknown one says nothing."""
    known = [index for index, row in enumerate(rows) if row.digest]
    return tuple(b for a, b in pairwise(known) if rows[a].digest != rows[b].digest)


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


def _candidate(values: list[float], changes: tuple[ChangePoint, ...]) -> tuple[Candidate | None, str]:
    """Look at the last points of the present level; return what stands apart, and why it could not be looked for."""
    start = changes[-1].index if changes else 0
    if len(values) - start < NEEDED:
        return None, f"they have fewer than {NEEDED} runs{' since the last change point' if start else ''}"
    try:
        found = candidate(values[start:])
    except StatisticError:
        finite = all(map(math.isfinite, values[start:]))
        return None, "more than half of their earlier values are equal" if finite else "they hold what is no number"
    return (Candidate(found.index + start, found.before, found.after, found.z) if found else None), ""


def _lower(error: StatisticError) -> str:
    return str(error).replace("`x`", "the series").rstrip(".")
