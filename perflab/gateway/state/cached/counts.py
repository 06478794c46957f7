"""What a cache counts of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

OUTCOMES = ("rejected", "expired", "oversized", "unreachable")


@dataclass
class Counts:
    """Since the start: hits by level, misses of all levels, loads from the store, and what went wrong how often.

    `age_s` is the summed age of what was answered from a cache, `oldest_s` the greatest: a bound of its staleness.
    """

    hits: dict[str, int] = field(default_factory=lambda: {"l1": 0, "l2": 0})
    misses: int = 0
    loads: int = 0
    refreshes: int = 0
    invalidations: int = 0
    heard: int = 0  # invalidations that other workers announced
    flushed: int = 0  # writes that write-behind has stored
    pending: int = 0  # writes that it has acknowledged and not stored
    age_s: float = 0.0
    oldest_s: float = 0.0
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))

    def hit(self, level: str, age_s: float) -> None:
        """Count an answer from a level."""
        self.hits[level] += 1
        self.age_s += max(age_s, 0.0)
        self.oldest_s = max(self.oldest_s, age_s)
