"""The compiled half of the level meter."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from perflab.audio.kernels.compiled.energy import WIDTH, energy


@njit(cache=True, nogil=True)
def measure(pcm: Any, out: Any, active: Any) -> None:
    """Write RMS and peak of every active row of `pcm` int16 [sessions, n] into `out` float32 [sessions, 2]."""
    sessions, samples = pcm.shape
    flat = pcm.reshape(pcm.size)
    for session in range(sessions):
        out[session, 0] = out[session, 1] = 0
        if not active[session]:
            continue
        start, whole = session * samples, samples // WIDTH
        total, low, high = energy(flat, start, whole)
        for k in range(start + whole * WIDTH, start + samples):
            value = np.int64(flat[k])
            total += value * value
            low, high = min(low, value), max(high, value)
        out[session, 0] = np.sqrt(total / samples)
        out[session, 1] = max(high, -low)
