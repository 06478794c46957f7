"""A timeline as two lines of text: the figures as bars, and the change points below them."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 72  # points that fit one line; older ones are left out and counted


def spark(values: Sequence[float], width: int = WIDTH) -> str:
    """Return the last `width` values as bars between their smallest and largest; equal ones have middle height."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return BARS[3] * len(shown)
    return "".join(BARS[min(int((value - low) / (high - low) * len(BARS)), len(BARS) - 1)] for value in shown)


def marks(count: int, changes: Sequence[int], suspect: int | None, width: int = WIDTH) -> str:
    """Return a line with ^ below each change point and ? below a candidate, as `spark` places them; "" for none."""
    first = max(count - width, 0)
    line = [" "] * (count - first)
    for index, mark in [*((index, "^") for index in changes), *([(suspect, "?")] if suspect is not None else [])]:
        if index >= first:
            line[index - first] = mark
    return "".join(line).rstrip()
