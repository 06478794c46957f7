"""The one shape in which this package returns an estimate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds, in the unit of what was given.

    `low` or `high` is None where n cannot bound that side. `confidence` is the level that the bounds reach,
    which for exact methods is a little above the level that was asked for.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    n: int
    method: str

    @property
    def two_sided(self) -> bool:
        """Whether both bounds exist."""
        return self.low is not None and self.high is not None

    @property
    def half_width(self) -> float | None:
        """Half the distance between the bounds; None when one is missing."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def excludes(self, point: float) -> bool:
        """Whether `point` lies outside the interval."""
        return (self.low is not None and point < self.low) or (self.high is not None and point > self.high)

    def scaled(self, factor: float) -> Interval:
        """Return the same interval in another unit; `factor` must be positive."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Interval(self.value * factor, low, high, self.confidence, self.n, self.method)
