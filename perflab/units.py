"""Units in one place: what converts into what, and how a number is shown to people."""

from __future__ import annotations

import math

from perflab.errors import NotComparable

# unit -> (dimension, factor to the dimension's canonical unit). MB is 10^6 bytes, as the targets say. What a system
# answers a second is one kind, whatever it calls that, and so are those who use it at a time.
_UNITS: dict[str, tuple[str, float]] = {
    "ns": ("s", 1e-9), "us": ("s", 1e-6), "ms": ("s", 1e-3), "s": ("s", 1.0), "min": ("s", 60.0), "h": ("s", 3600.0),
    "ratio": ("ratio", 1.0), "%": ("ratio", 0.01),
    "%/h": ("ratio/s", 0.01 / 3600), "ratio/s": ("ratio/s", 1.0),
    "byte": ("byte", 1.0), "bytes": ("byte", 1.0), "kB": ("byte", 1e3), "MB": ("byte", 1e6), "GB": ("byte", 1e9),
    "KiB": ("byte", 1024.0), "MiB": ("byte", 1024.0**2), "GiB": ("byte", 1024.0**3),
    "byte/s": ("byte/s", 1.0), "MB/s": ("byte/s", 1e6), "MB/min": ("byte/s", 1e6 / 60),
    "request/s": ("request/s", 1.0), "requests/s": ("request/s", 1.0), "requests/min": ("request/s", 1 / 60),
    "rps": ("request/s", 1.0), "message/s": ("request/s", 1.0), "messages/s": ("request/s", 1.0),
    "messages/min": ("request/s", 1 / 60), "turns/s": ("request/s", 1.0), "turns/min": ("request/s", 1 / 60),
    "users": ("users", 1.0), "sessions": ("users", 1.0), "connections": ("users", 1.0),
    "query/s": ("query/s", 1.0), "queries/s": ("query/s", 1.0), "queries/min": ("query/s", 1 / 60),
}  # fmt: skip
_STEPS_S = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (1e-6, "us", 1e6), (0.0, "ns", 1e9))
_STEPS_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (0.0, "B"))


def canonical(value: float, unit: str) -> tuple[float, str]:
    """Return the value in its dimension's canonical unit: s, ratio, byte, request/s; an unknown unit stays as it is."""
    dimension, factor = _UNITS.get(unit, (unit, 1.0))
    return value * factor, dimension


def convert(value: float, unit: str, wanted: str) -> float:
    """Convert between units of one dimension; raises NotComparable for two dimensions, such as ms and MB."""
    if unit == wanted:
        return value
    amount, dimension = canonical(value, unit)
    target, factor = _UNITS.get(wanted, (wanted, 1.0))
    if dimension != target:
        raise NotComparable(f"A value in {unit or 'no unit'} cannot be compared with one in {wanted or 'no unit'}",
                            "both must be of one kind", "Check the unit of the target and of the measure")  # fmt: skip
    return amount / factor


def number_text(value: float, digits: int = 3) -> str:
    """Show `digits` significant digits, thousands separated, no exponent: 0.0123, 1.50, 12,300."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("-" if value < 0 else "") + "infinite"
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{min(decimals, 12)}f}"


def seconds_text(value: float) -> str:
    """Show a duration in the unit that fits: 2.50 s, 41.0 ms, 350 us, 62.0 ns, 4 min 5 s, 2 h 3 min."""
    size = abs(value)
    if not math.isfinite(value) or value == 0:
        return f"{number_text(value)} s"
    sign = "-" if value < 0 else ""
    if size >= 7200:
        return f"{sign}{int(size // 3600)} h {int(size % 3600 // 60)} min"
    if size >= 120:
        return f"{sign}{int(size // 60)} min {int(size % 60)} s"
    _, unit, factor = next(step for step in _STEPS_S if size >= step[0] * 0.9995)
    return f"{number_text(value * factor)} {unit}"


def bytes_text(value: float) -> str:
    """Show an amount of bytes, decimal: 212 MB, 1.50 kB, 640 B."""
    floor, unit = next(step for step in _STEPS_BYTES if abs(value) >= step[0])
    return f"{value:,.0f} B" if unit == "B" else f"{number_text(value / floor)} {unit}"


def percent_text(share: float, digits: int = 2) -> str:
    """Show a share as a percentage: 0.056 is 5.6 %."""
    return f"{number_text(share * 100, digits)} %"


def change_text(ratio: float) -> str:
    """Show a ratio new / old as a change: 0.44 is -56 %, 0.003 is -99.7 %, 3.1 is x 3.1."""
    if ratio >= 3:
        return f"x {number_text(ratio, 2)}"
    return f"{signed_percent(ratio, 1 if abs(ratio - 1) < 0.0995 else 0)} %"


def signed_percent(ratio: float, decimals: int = 0) -> str:
    """Show a ratio new / old as its change in percent, without the sign of the unit: 0.44 is -56.

    Where next to nothing is left, with decimals that show it: -99.7 and not -100, which is for what is gone. Three at
    most, so that 0.000004 reads -100.000.
    """
    left = 100 * ratio
    near = -math.floor(math.log10(left)) if 0 < left < 1 else 0
    return f"{left - 100:+.{max(decimals, min(near, 3))}f}"


def value_text(value: float, unit: str) -> str:
    """Show a value in the unit that it was stored in, or in a handier one for times, bytes and shares."""
    amount, dimension = canonical(value, unit)
    if dimension == "s":
        return seconds_text(amount)
    if dimension == "byte":
        return bytes_text(amount)
    if dimension == "ratio":
        return percent_text(amount, 3)
    return f"{number_text(value)} {unit}".rstrip()


def interval_text(value: float, low: float | None, high: float | None, unit: str) -> str:
    """Show an estimate with its bounds: "41.0 ms (38.0 ms to 45.0 ms)", one side missing as "at least" or "at most".

    Bounds that are the value itself (a count, a maximum) are not told three times: "100 sessions".
    """
    if low is not None and low == high == value:
        return value_text(value, unit)
    if low is None and high is None:
        return f"{value_text(value, unit)} (no interval)"
    if high is None and low is not None:
        return f"{value_text(value, unit)} (at least {value_text(low, unit)})"
    if low is None and high is not None:
        return f"{value_text(value, unit)} (at most {value_text(high, unit)})"
    assert low is not None and high is not None
    return f"{value_text(value, unit)} ({value_text(low, unit)} to {value_text(high, unit)})"
