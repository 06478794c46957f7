"""What a fused look says of a planted place: right, wrong, open (cannot say), or failed for want of a capture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from perflab.benches.profiles.live_gateway import attempt
from perflab.instrument.ranking import rank
from perflab.instrument.table import ProfileTable

OUTCOMES = ("right", "open", "failed", "wrong")


@dataclass(frozen=True)
class Look:
    """The tables of one fused look, and why there are not more."""

    tables: list[ProfileTable]
    problems: list[str] = field(default_factory=list)

    def outcome(self, name: str) -> str:
        """Return one of OUTCOMES; a look without one of its captures is failed, unless it names a wrong place."""
        first = rank(self.tables).first if self.tables else ""
        if first and first != name:
            return "wrong"
        if self.problems or not self.tables:
            return "failed"
        return "right" if first else "open"


def look_with(takes: Iterable[Callable[[], ProfileTable]]) -> Look:
    """Take every capture; what fails is kept as a problem."""
    found = [attempt(take) for take in takes]
    return Look([table for table, _ in found if table], [problem for table, problem in found if not table])


def counted(said: Iterable[str]) -> dict[str, Any]:
    """Return how often each outcome was seen, those that were not seen as 0."""
    seen = Counter(said)
    return {name: seen[name] for name in OUTCOMES}
