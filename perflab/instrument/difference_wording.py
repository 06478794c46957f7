"""A difference of profiles in words: one sentence that names the functions behind a better or worse."""

from __future__ import annotations

from perflab.instrument.difference import FunctionChange, ProfileDifference
from perflab.units import number_text

NAMED = 3


def amount(us: float) -> tuple[float, str]:
    """Return the factor and the unit in which an amount of microseconds is read: us below 1000, else ms."""
    return (1e-3, "ms") if abs(us) >= 1000 else (1.0, "us")


def signed(us: float, factor: float = 0.0) -> str:
    """Return an amount with its sign and three digits, in the unit that `amount` gives, or times `factor` bare."""
    scale, unit = (factor, "") if factor else amount(us)
    text = number_text(abs(us) * scale)
    return f"{'-' if us < 0 else '+'}{text}{' ' + unit if unit else ''}"


def interval_text(value: float, low: float, high: float) -> str:
    """Return ``-1.20 ms [-1.50, -0.90]``: value and bounds in one unit."""
    factor, unit = amount(max(abs(value), abs(low), abs(high)))
    return f"{signed(value, factor)} {unit} [{signed(low, factor)}, {signed(high, factor)}]"


def change_text(row: FunctionChange) -> str:
    """Return one function with its change, saying when it was on one side only."""
    word = f" ({row.state})" if row.state in ("appeared", "disappeared") else ""
    return f"{row.where}{word} {interval_text(row.difference, row.low, row.high)}"


def sentence(found: ProfileDifference, unit: str, named: int = NAMED) -> str:
    """Say what CPU per unit did, and which functions did it; says so when no function can be named."""
    total = found.total
    low, high = total.low or 0.0, total.high or 0.0
    factor, us = amount(max(abs(total.value), abs(low), abs(high)))
    said = f"CPU per {unit} "
    if total.excludes(0.0):
        small, large = sorted((abs(low), abs(high)))
        said += f"{'fell' if total.value < 0 else 'rose'} by {number_text(abs(total.value) * factor)} {us} "
        said += f"[{number_text(small * factor)}, {number_text(large * factor)}]"
    else:
        said += f"moved by {interval_text(total.value, low, high)}, which may be nothing"
    first = found.changed[:named]
    if not first:
        return f"{said}; no function's change stands out from the noise."
    more = len(found.changed) - len(first)
    tail = f"; {more} more changed" if more else ""
    return f"{said}: {', '.join(change_text(row) for row in first)}{tail}."
