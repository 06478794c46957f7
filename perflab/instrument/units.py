"""Units of work that a target counts itself: a row of (CLOCK_MONOTONIC nanoseconds, units so far) now and then."""

from __future__ import annotations

import struct
from pathlib import Path

ROW = struct.Struct("<qq")


def read_units(path: Path | None) -> list[tuple[int, int]]:
    """Return the rows in order of time; empty where nothing was counted. A row that was cut off is left out."""
    if path is None or not path.is_file():
        return []
    raw = path.read_bytes()
    return [ROW.unpack_from(raw, at) for at in range(0, len(raw) - ROW.size + 1, ROW.size)]


def units_between(rows: list[tuple[int, int]], start_ns: int, end_ns: int) -> float:
    """Return the units done in a window, interpolated between rows; 0 where the rows do not reach into it."""
    return max(0.0, _at(rows, end_ns) - _at(rows, start_ns)) if rows else 0.0


def _at(rows: list[tuple[int, int]], when: int) -> float:
    before = (rows[0][0], rows[0][1])
    for row in rows:
        if row[0] >= when:
            span = row[0] - before[0]
            return float(row[1]) if span <= 0 else before[1] + (row[1] - before[1]) * (when - before[0]) / span
        before = row
    return float(before[1])
