"""One sentence for each comparison, so that tables, pages and terminals say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perflab.stats.compare import Comparison


def explain(comparison: Comparison, unit: str = "") -> str:
    """Say what was found, how sure, and what would settle it."""
    c = comparison
    measured = (
        f"{_step(c, c.effect, unit)} against the baseline "
        f"({c.confidence:.0%} interval {_step(c, c.low, unit)} to {_step(c, c.high, unit)}, {c.n} pairs)"
    )
    margin, visible = _size(c, c.margin, unit), _size(c, c.smallest_effect, unit)
    tails = {
        "better": f"better, {_reach(c, margin)}",
        "worse": f"worse, {_reach(c, margin)}",
        "trivial": f"a difference, but inside the margin of {margin} that matters",
        "equivalent": f"no difference beyond the margin of {margin}",
        "inconclusive": f"inconclusive: {c.n} pairs could only have shown changes above {visible}; "
        f"about {c.pairs_needed} pairs would show {margin}",
        "untrusted": f"no verdict: two identical arms differed{_null_step(c, unit)} in the same blocks",
    }
    if c.verdict == "inconclusive" and c.excludes_no_change:
        tails["inconclusive"] = "inconclusive: the difference does not survive the number of comparisons"
    return f"{measured}: {tails[c.verdict]}."


def _null_step(c: Comparison, unit: str) -> str:
    """Name by how much the null arm differed, where this figure is the one in which it did."""
    return f" by {_step(c, c.null_effect, unit)}" if c.null_effect is not None and c.null_beyond_margin else ""


def _reach(c: Comparison, margin: str) -> str:
    return f"by more than the margin of {margin}" if c.beyond_margin else f"though perhaps by less than {margin}"


def _step(c: Comparison, value: float, unit: str) -> str:
    if c.scale == "ratio":
        return f"{(value - 1) * 100:+.1f} %" if value < 3 else f"{value:.2f} times"
    return f"{value:+{_digits(value)}} {unit}".rstrip()


def _size(c: Comparison, value: float, unit: str) -> str:
    if c.scale == "ratio" and value < 3:
        return f"{value * 100:{_digits(value * 100, 2)}} %"
    return f"{value:{_digits(value)}} {unit}".rstrip()


def _digits(value: float, digits: int = 3) -> str:
    """Return the format of so many digits; a large number is written out, never with an exponent."""
    return ",.0f" if 100 <= abs(value) < 1e15 else f".{digits}g"
