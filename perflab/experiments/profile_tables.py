"""Short tables of a profile: who allocates, and which libraries take the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.instrument.interface import Capture
from perflab.instrument.leak import REPORT_BYTES_PER_S, Growth
from perflab.instrument.libraries import by_library
from perflab.instrument.stacks import LIBRARY
from perflab.instrument.table import ProfileTable
from perflab.instrument.votes import is_place

SHOWN = 10


def memory_rows(seen: Sequence[tuple[Capture, ProfileTable]]) -> list[dict[str, Any]]:
    """Return the own functions and libraries that allocated most, by memray, MB; imports are told by `allocated`.

    A library's row holds what no own function had a part in, as in the ranking: reads of the event loop are there.
    """
    return next((_memory_of(table) for capture, table in seen if capture.instrument == "memray"), [])


def _memory_of(table: ProfileTable) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for view in ("alloc", "peak", "leak"):
        for row in table.select(instrument="memray", view=view, attribution="own", metric="bytes"):
            if is_place((row.file, row.function)):
                sums.setdefault((row.file, row.function), {}).setdefault(view, 0.0)
                sums[row.file, row.function][view] += row.value
    order = sorted(sums.items(), key=lambda item: -item[1].get("alloc", 0.0))[:SHOWN]
    return [
        {
            "where": outside(function) if file == LIBRARY else f"{function} ({file})",
            "allocated (MB)": round(seen.get("alloc", 0.0) / 1e6, 2),
            "at the peak (MB)": round(seen.get("peak", 0.0) / 1e6, 2),
            "held at the end (MB)": round(seen.get("leak", 0.0) / 1e6, 2),
        }
        for (file, function), seen in order
    ]


def outside(package: str) -> str:
    """Return how a page names what a library did or allocated without an own function on the stack."""
    return f"Inside {package}, entered by no own function"


def library_rows(gil: ProfileTable) -> list[dict[str, Any]]:
    """Return the libraries that take most CPU: entered from own code, and where the innermost frames ran."""
    return [
        {
            "library": item.package,
            "entered (%)": round(100 * item.entered, 1),
            "ran (%)": round(100 * item.ran, 1),
            "called by": item.callers[0][0] if item.callers else "",
        }
        for item in by_library(gil)[:SHOWN]
    ]


def growth_rows(growth: Sequence[Growth]) -> list[dict[str, Any]]:
    """Return the places that grew, leaks first, with their rates."""
    return [
        {
            "where": f"{item.function} ({item.file}:{item.line})",
            "verdict": item.verdict,
            "grows (KB per s)": round(item.rate / 1e3, 1),
            "interval": f"[{item.low / 1e3:.0f}, {item.high / 1e3:.0f}]",
            "allocations": item.allocations,
            "flags": ", ".join(item.flags),
        }
        for item in growth[:SHOWN]
    ]


def growth_words(growth: Sequence[Growth] | None) -> str:
    """Say whether memory grows: a leak where two windows agree on its rate, a cache where they do not."""
    if growth is None:
        return "Whether memory grows is not known: memray was not attached to the running system."
    leaks = [item for item in growth if item.verdict == "leak"]
    if any("P301" in item.flags for item in leaks):
        return "Cannot say whether memory leaks: the system waited for its core, and work that queues up grows too."
    if not leaks:
        tail = f"; {len(growth)} filled up and stopped, or held work in flight" if growth else ""
        return f"No place leaks {REPORT_BYTES_PER_S / 1e3:.0f} KB per second or more in two windows{tail}."
    top = leaks[0]
    more = f"; {len(leaks) - 1} more places leak" if len(leaks) > 1 else ""
    return (
        f"{top.function} ({top.file}, line {top.line}) leaks {top.rate / 1e3:.0f} KB per second "
        f"[{top.low / 1e3:.0f}, {top.high / 1e3:.0f}]{more}."
    )
