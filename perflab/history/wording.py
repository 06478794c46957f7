"""How figures of the history and their moves are shown: a comparison as a change, a level in its unit."""

from __future__ import annotations

import math

from perflab.history.row import Row
from perflab.units import change_text, number_text, value_text

AGAINST = "against baseline"  # a metric that says so is a comparison: a ratio, or a difference in its unit


def is_difference(metric: str, unit: str) -> bool:
    """Whether a figure is the difference from a baseline: around zero, it has no share of itself."""
    return AGAINST in metric and unit != "ratio"


def level_text(value: float, metric: str, unit: str) -> str:
    """Show one value: a ratio to a baseline as ``-56 %``, a difference from it with its sign, a level as it is."""
    if not math.isfinite(value):
        return number_text(value)
    if AGAINST in metric and unit == "ratio":
        return change_text(value)
    return ("+" if is_difference(metric, unit) and value > 0 else "") + value_text(value, unit)


def figure_text(row: Row) -> str:
    """Show a figure with its interval."""
    value, low, high = (None if x is None else level_text(x, row.metric, row.unit)
                        for x in (row.value, row.low, row.high))  # fmt: skip
    if low is None and high is None:
        return f"{value} (no interval)"
    if low is None or high is None:
        return f"{value} ({f'at most {high}' if low is None else f'at least {low}'})"
    return f"{value} ({low} to {high})"


def move_text(before: float, after: float, metric: str, unit: str) -> str:
    """Show a move as a share of the level before; from where to where for a difference, and from zero."""
    if is_difference(metric, unit) or not (before > 0 and math.isfinite(after)):
        return f"from {level_text(before, metric, unit)} to {level_text(after, metric, unit)}"
    return change_text(after / before)
