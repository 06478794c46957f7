"""Two runs side by side, figure by figure. They were not interleaved: what moved is a suspect, never a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any, Literal

from perflab.environment import differences
from perflab.errors import NotComparable
from perflab.history.extract import effort_text, rows_of
from perflab.history.row import Row, figure_label
from perflab.history.wording import is_difference
from perflab.runs import Run

Sight = Literal["moved", "no move", "no interval", "untrusted", "unlike", "only in A", "only in B"]
Name = tuple[str, str, str, str]  # metric, variant, scenario, condition
WORDS: dict[Sight, str] = {
    "moved": "moved beyond both intervals: suspect, re-measure with perflab gate",
    "no move": "no visible move",
    "no interval": "cannot be said, because a run has no interval for it",
    "untrusted": "cannot be said, because trust checks refused a run's figure",
    "unlike": "shown only: the runs are unlike",
    "only in A": "only in the first run",
    "only in B": "only in the second run",
}


@dataclass(frozen=True)
class Line:
    """One figure in both runs; `change` is B / A - 1, None where that has no meaning."""

    label: str
    unit: str
    a: Row | None
    b: Row | None
    change: float | None
    sight: Sight

    def as_dict(self) -> dict[str, Any]:
        """Return the line as flat JSON."""
        kept = ("value", "low", "high", "n", "unit", "level", "trusted")

        def side(row: Row | None) -> dict[str, Any] | None:
            return None if row is None else {name: value for name, value in asdict(row).items() if name in kept}

        return {"figure": self.label, "unit": self.unit, "a": side(self.a), "b": side(self.b),
                "change": self.change, "sight": self.sight, "says": WORDS[self.sight]}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two runs and their figures; `unlike` names every reason why they must not be judged together."""

    a: Run
    b: Run
    lines: tuple[Line, ...]
    unlike: tuple[str, ...]


def compare_runs(a: Run, b: Run, *, force_unlike: bool = False) -> Pair:
    """Return two runs side by side.

    Raises NotComparable with every difference in environment, system, effort or unit, and for a run that is not
    finished, unless `force_unlike`: then the figures are shown and nothing is said of any of them.

    A figure "moved" when its two 95 % intervals do not overlap, which two runs of equal systems do in about 1 of 200
    figures by chance alone, and far more often when the machine changed between them: hence it is only a suspect.
    """
    matched = list(_matched(rows_of(a), rows_of(b)))
    unlike = (*_unlike_runs(a, b), *_unlike_units(matched))
    if unlike and not force_unlike:
        raise NotComparable(
            f"Cannot compare runs {a.id} and {b.id}: {'; '.join(unlike)}", "both must be alike",
            "Pass --force-unlike to see the figures without any verdict",
        )  # fmt: skip
    return Pair(a, b, tuple(_line(name, one, two, bool(unlike)) for name, one, two in matched), unlike)


def _matched(a: Sequence[Row], b: Sequence[Row]) -> Iterator[tuple[Name, Row | None, Row | None]]:
    """Yield every figure with its rows of both runs: of one unit, else of the units that the runs give it."""
    left, right = _by_name(a), _by_name(b)
    for name in dict.fromkeys((*left, *right)):
        one, two = left.get(name, {}), right.get(name, {})
        if one.keys() & two.keys():
            yield from ((name, one.get(unit), two.get(unit)) for unit in dict.fromkeys((*one, *two)))
        else:
            yield from ((name, *rows) for rows in zip_longest(one.values(), two.values()))


def _by_name(rows: Sequence[Row]) -> dict[Name, dict[str, Row]]:
    """Return name -> unit -> row: figures of unlike units never stand for one another."""
    found: dict[Name, dict[str, Row]] = {}
    for row in rows:
        found.setdefault((row.metric, row.variant, row.scenario, row.condition), {})[row.unit] = row
    return found


def _unlike_runs(a: Run, b: Run) -> list[str]:
    one, two = a.manifest, b.manifest
    found = differences(one.fingerprint, two.fingerprint)
    if one.system_name != two.system_name:
        found.append(f"system differs ({one.system_name}, {two.system_name})")
    elif one.system_digest != two.system_digest:
        found.append(f"the file of system {one.system_name} was changed in between")
    if effort_text(one) != effort_text(two):
        found.append(f"effort differs ({effort_text(one)}, {effort_text(two)})")
    for run in (one, two):
        if run.status != "done":
            found.append(f"run {run.run_id} is {run.status}, and only finished runs are compared")
        if run.planted:
            found.append(f"run {run.run_id} had defects planted ({run.planted})")
    return found


def _unlike_units(matched: Sequence[tuple[Name, Row | None, Row | None]]) -> list[str]:
    return [
        f"unit of {figure_label(*name)} differs ({one.unit}, {two.unit})"
        for name, one, two in matched
        if one and two and one.unit != two.unit
    ]


def _line(name: Name, a: Row | None, b: Row | None, unlike: bool) -> Line:
    known = a or b
    assert known is not None
    change = None
    if a and b and a.unit == b.unit and a.value > 0 and b.value > 0 and not is_difference(a.metric, a.unit):
        change = b.value / a.value - 1
    return Line(figure_label(*name), known.unit, a, b, change, _sight(a, b, unlike))


def _sight(a: Row | None, b: Row | None, unlike: bool) -> Sight:
    if a is None or b is None:
        return "only in B" if a is None else "only in A"
    if unlike:
        return "unlike"
    if not (a.trusted and b.trusted):
        return "untrusted"
    bounds = [value for row in (a, b) for value in (row.low, row.high)]
    if any(value is None or not math.isfinite(value) for value in bounds):
        return "no interval"
    a_low, a_high, b_low, b_high = (float(value) for value in bounds if value is not None)
    return "moved" if a_high < b_low or b_high < a_low else "no move"


def moved(lines: Sequence[Line]) -> list[Line]:
    """Return the figures that moved beyond both intervals."""
    return [line for line in lines if line.sight == "moved"]
