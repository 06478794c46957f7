"""What an instrument costs: CPU per unit of work under it, against unprofiled work just before and just after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LIMITS = {"pyspy": 1.08, "scalene-cpu": 1.25, "scalene-full": 2.0, "memray": 1.7}
MAX_DRIFT = 0.05


@dataclass(frozen=True)
class Bracket:
    """CPU seconds per unit of work under an instrument, and in the unprofiled stretches or runs around it."""

    before_s: float
    under_s: float
    after_s: float

    @property
    def base_s(self) -> float:
        """The mean of both unprofiled sides."""
        return (self.before_s + self.after_s) / 2

    @property
    def drift(self) -> float:
        """Difference of the unprofiled sides, as a share of their mean: what no instrument explains."""
        return abs(self.after_s - self.before_s) / self.base_s


@dataclass(frozen=True)
class Overhead:
    """`ratio` = CPU per unit with the instrument / without; `within` is None where no limit is known.

    `drift` of its bracket, as a share; beyond 5 % the ratio is not `stable`.
    """

    instrument: str
    cpu_per_unit_s: float
    ratio: float
    limit: float | None
    within: bool | None
    drift: float

    @property
    def stable(self) -> bool:
        """Whether the ratio may be believed."""
        return self.drift <= MAX_DRIFT


@dataclass(frozen=True)
class Overheads:
    """All instruments of a profile, each against its own bracket; `drift` is the largest of the brackets."""

    drift: float
    rows: tuple[Overhead, ...]
    codes: tuple[str, ...]

    @property
    def stable(self) -> bool:
        """Whether every ratio may be believed."""
        return self.drift <= MAX_DRIFT


def judge_overheads(brackets: Mapping[str, Bracket], limits: dict[str, float] | None = None) -> Overheads:
    """Compare CPU seconds per unit of each instrument (`pyspy-gil`, `scalene-full`) with both sides of its bracket.

    A drift above 5 % between the sides (P304) means that the ratio is not to be believed; it is still shown. A ratio
    above its limit gives P307. Raises ValueError when there is no bracket, or a side is not positive.
    """
    if not brackets or min(min(b.before_s, b.after_s) for b in brackets.values()) <= 0:
        raise ValueError("CPU per unit of the unprofiled work must be positive, on both sides of an instrument")
    rows = tuple(_row(name, bracket, limits or LIMITS) for name, bracket in brackets.items())
    drift = max(row.drift for row in rows)
    codes = (["P304"] if drift > MAX_DRIFT else []) + (["P307"] if any(row.within is False for row in rows) else [])
    return Overheads(drift, rows, tuple(codes))


def _row(name: str, bracket: Bracket, limits: dict[str, float]) -> Overhead:
    known = [limits[key] for key in (name, name.split("-")[0]) if key in limits]
    limit, ratio = (known[0] if known else None), bracket.under_s / bracket.base_s
    return Overhead(name, bracket.under_s, ratio, limit, None if limit is None else ratio <= limit, bracket.drift)
