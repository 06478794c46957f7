"""The compiled half of the detector by energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.jit import njit

LOWEST_RMS, QUIETEST = np.float32(30), np.float32(1)


@njit(cache=True, nogil=True)
def judge(levels: Any, active: Any, floor: Any, ratio: Any, rise: Any, out: Any) -> None:
    """Step the floor of every active session by the RMS in `levels` [sessions, 2] and judge its frame."""
    for session in range(active.size):
        if not active[session]:
            out[session] = False
            continue
        rms, quiet = max(levels[session, 0], QUIETEST), floor[session]
        quiet = rms if quiet == 0 or rms < quiet else min(rms, quiet * rise)
        floor[session] = quiet
        out[session] = rms >= LOWEST_RMS and rms >= quiet * ratio
