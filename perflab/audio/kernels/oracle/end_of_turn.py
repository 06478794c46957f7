"""Turns out of probabilities for one session: look back over the last steps each time."""

from __future__ import annotations

from collections.abc import Sequence


def events(values: Sequence[float], start: float, stop: float, onset: int, silence: int) -> list[int]:
    """Return for each step 1 where a turn starts, 2 where it ends, else 0."""
    found, since, speaking = [], 0, False
    for at in range(1, len(values) + 1):
        recent = values[max(since, at - (silence if speaking else onset)) : at]
        enough = len(recent) == (silence if speaking else onset)
        changed = enough and (all(v < stop for v in recent) if speaking else all(v >= start for v in recent))
        found.append((2 if speaking else 1) if changed else 0)
        if changed:
            speaking, since = not speaking, at
    return found
