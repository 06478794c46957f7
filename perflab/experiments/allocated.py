"""Who allocated most while memray watched: own functions, libraries that none of them entered, and start-up apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from perflab.instrument.interface import Capture
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY, LOOP
from perflab.instrument.table import ProfileTable
from perflab.instrument.votes import Key

Sized = tuple[str, float]  # a place and its bytes


@dataclass(frozen=True)
class Allocated:
    """Bytes allocated under memray, imports apart; `own` and `outside` are the largest places inside and outside.

    `outside_bytes` holds all that no own function had a part in: libraries that the event loop called, and the loop.
    """

    total: float = 0.0
    outside_bytes: float = 0.0
    outside: Sized | None = None
    own: Sized | None = None
    held: float = 0.0  # by `own`, at the end
    startup: float = 0.0

    def sentence(self, unit: str) -> str:
        """Say who allocated most of all, then which own function did, with what is in no figure per unit."""
        if not self.total:
            return "No allocation was captured" + (" beyond the imports at start-up." if self.startup else ".")
        found = f"{_mb(self.total)} were allocated while memray watched, imports at start-up left out"
        if self.outside_bytes:
            found += f"; {_mb(self.outside_bytes)} of it ({self._percent(self.outside_bytes)}) in no own function"
            found += f", most inside {self.outside[0]} ({_mb(self.outside[1])})" if self.outside else ""
        if self.own:
            of = "of the own functions " if self.outside_bytes else ""
            found += (
                f"; {of}{self.own[0]} allocated most, {_mb(self.own[1])} ({self._percent(self.own[1])}), and held "
                f"{self.held / 1e6:.2f} MB at the end"
            )
        return f"{found}. Imports allocated {_mb(self.startup)}, which are in no figure per {unit}."

    def _percent(self, size: float) -> str:
        return f"{100 * size / self.total:.0f} %"


def allocated(seen: Sequence[tuple[Capture, ProfileTable]]) -> Allocated:
    """Return what the first table of memray says of allocations, in bytes; zeros without one."""
    table = next((table for capture, table in seen if capture.instrument == "memray"), None)
    if table is None:
        return Allocated()
    bytes_of, held = _sums(table, "alloc"), _sums(table, "leak")
    after = {key: size for key, size in bytes_of.items() if key[1] != MODULE}
    outside = [key for key in after if key[0] == LIBRARY]
    own = max(sorted(after.keys() - outside), key=lambda key: after[key], default=None)
    most = max(sorted(outside), key=lambda key: after[key], default=None)
    return Allocated(
        sum(after.values()),
        sum(after[key] for key in outside),
        ("the event loop itself" if most[1] == LOOP else most[1], after[most]) if most else None,
        (f"{own[1]} ({own[0]})", after[own]) if own else None,
        held.get(own, 0.0) if own else 0.0,
        sum(bytes_of.values()) - sum(after.values()),
    )


def _sums(table: ProfileTable, view: str) -> dict[Key, float]:
    sums: dict[Key, float] = defaultdict(float)
    for row in table.select(instrument="memray", view=view, attribution="own", metric="bytes"):
        sums[row.file, row.function] += row.value
    return sums


def _mb(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
