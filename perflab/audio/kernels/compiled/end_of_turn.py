"""The compiled half of the detector of turns."""

from __future__ import annotations

from typing import Any

from perflab.jit import njit


@njit(cache=True, nogil=True)
def follow(
    probabilities: Any, active: Any, start: Any, stop: Any, onset: int, silence: int, speaking: Any, run: Any, out: Any
) -> None:
    """Step every active session: `run` counts the steps in a row that speak for the other state."""
    for session in range(active.size):
        out[session] = 0
        value = probabilities[session]
        if not active[session] or value != value:  # a NaN says nothing
            continue
        if speaking[session]:
            run[session] = run[session] + 1 if value < stop else 0
            if run[session] >= silence:
                speaking[session], run[session], out[session] = False, 0, 2
        else:
            run[session] = run[session] + 1 if value >= start else 0
            if run[session] >= onset:
                speaking[session], run[session], out[session] = True, 0, 1
