"""Between PCM of sessions and groups of lanes: rows of GROUP sessions, a session that is idle being silent."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.transposing import SIDE, to_lanes, to_pcm
from perflab.audio.kernels.lanes import GROUP, LANES
from perflab.jit import njit


@njit(cache=True, nogil=True)
def enter(pcm: Any, first: int, count: int, active: Any, samples: int, work: Any, begin: int) -> None:
    """Write the PCM of `count` sessions from `first` on into the lanes of `work` from row `begin` on."""
    for side in range(0, GROUP, SIDE):
        whole = side + SIDE <= count and active[first + side : first + side + SIDE].all()
        full = samples // SIDE * SIDE if whole else 0
        for t in range(0, full, SIDE):
            to_lanes(pcm, (first + side) * samples + t, samples, work, (begin + t) * GROUP + side, GROUP)
        for lane in range(side, side + SIDE):
            heard = lane < count and active[first + min(lane, count - 1)]
            for t in range(full, samples):
                value = np.float32(pcm[(first + lane) * samples + t]) if heard else np.float32(0)
                work[(begin + t) * GROUP + lane] = value


@njit(cache=True, nogil=True)
def leave(filtered: Any, first: int, count: int, active: Any, samples: int, pcm: Any) -> None:
    """Write the lanes of `filtered` as PCM of `count` sessions from `first` on; those not active get zeros."""
    for side in range(0, count, SIDE):
        whole = side + SIDE <= count and active[first + side : first + side + SIDE].all()
        full = samples // SIDE * SIDE if whole else 0
        for t in range(0, full, SIDE):
            to_pcm(filtered, t * GROUP + side, GROUP, pcm, (first + side) * samples + t, samples)
        for lane in range(side, min(side + SIDE, count)):
            for t in range(full, samples):
                value = filtered[t * GROUP + lane] if active[first + lane] else np.float32(0)
                bounded = min(max(value, np.float32(-32768)), np.float32(32767))
                pcm[(first + lane) * samples + t] = np.int16(np.rint(bounded))


@njit(cache=True, nogil=True)
def mask_of(active: Any, first: int, mask: Any) -> bool:
    """Write 1 for the active of LANES sessions from `first` on into `mask`, else 0; return whether there is a zero."""
    idle = False
    for lane in range(LANES):
        heard = first + lane < active.size and active[min(first + lane, active.size - 1)]
        mask[lane] = 1 if heard else 0
        idle = idle or not heard
    return idle
