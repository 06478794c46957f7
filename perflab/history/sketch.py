"""A timeline as two lines of text: the figures as bars, and the change points below them."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 72  # points that fit one line; older ones are left out and counted


def spark(values: Sequence[float], width: int = WIDTH) -> str:
    """Return the last `width` values as bars between their smallest and largest; equal ones have middle height."""
    shown = list(values)[-width:]
    finite = [value for value in shown if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_bar(value, low, high) for value in shown)


def _bar(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "·"
    return BARS[3] if high == low else BARS[min(int((value - low) / (high - low) * len(BARS)), len(BARS) - 1)]


def marks(
    count: int, changes: Sequence[int], suspect: int | None, width: int = WIDTH, files: Sequence[int] = ()
) -> str:
    """Return a line with ^ below each change point, ? below a candidate and # where the system's file changed.

    They stand as `spark` places the bars; where two meet the move is shown. "" for none.
    """
    first = max(count - width, 0)
    line = [" "] * (count - first)
    placed = [*((index, "#") for index in files), *((index, "^") for index in changes)]
    for index, mark in [*placed, *([(suspect, "?")] if suspect is not None else [])]:
        if index >= first:
            line[index - first] = mark
    return "".join(line).rstrip()
