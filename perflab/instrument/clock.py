"""What the clock can resolve, and what reading it costs: no shorter time can be told from nothing."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class ClockReading:
    """`tick_ns`: smallest step seen between two readings; `cost_ns`: time of one reading; `worst_gap_ns`: longest
    pause between neighbouring readings, that is, how long the machine looked away."""

    name: str
    stated_ns: float
    tick_ns: int
    cost_ns: float
    worst_gap_ns: int
    monotonic: bool


def read_clock(readings: int = 20_000) -> ClockReading:
    """Read CLOCK_MONOTONIC in a tight loop; the cost is the median of the gaps, which includes the loop itself."""
    clock = time.monotonic_ns
    seen = [clock() for _ in range(readings)]
    gaps = [after - before for before, after in itertools.pairwise(seen)]
    steps = sorted(gap for gap in gaps if gap > 0)
    cost = (seen[-1] - seen[0]) / len(gaps)
    info = time.get_clock_info("monotonic")
    median = sorted(gaps)[len(gaps) // 2] or cost
    return ClockReading(
        "CLOCK_MONOTONIC", info.resolution * 1e9, steps[0] if steps else 0, float(median), max(gaps), min(gaps) >= 0
    )
