"""Voice activity by energy for one session, in decibels."""

from __future__ import annotations

import math
from collections.abc import Sequence


def voiced(rms: Sequence[float], above_db: float, rise_db: float) -> list[bool]:
    """Return for frames of these RMS whether each is voiced; the floor rises by `rise_db` a frame at most."""
    floor, found = math.inf, []
    for value in rms:
        level = 20 * math.log10(max(value, 1.0))
        floor = level if level < floor else min(level, floor + rise_db)
        found.append(value >= 30 and level >= floor + above_db)
    return found
