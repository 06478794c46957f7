"""Voice activity by energy for one session, in decibels."""

from __future__ import annotations

import math

LOWEST_RMS = 30


class NoiseFloor:
    """Feeds on the RMS of frame after frame; the floor rises by `rise_db` a frame at most, and falls at once."""

    def __init__(self, above_db: float, rise_db: float) -> None:
        self._above_db, self._rise_db, self._floor_db = above_db, rise_db, math.inf

    def __call__(self, rms: float) -> bool:
        """Return whether the next frame is voiced."""
        level = 20 * math.log10(max(rms, 1.0))
        self._floor_db = level if level < self._floor_db else min(level, self._floor_db + self._rise_db)
        return rms >= LOWEST_RMS and level >= self._floor_db + self._above_db
