"""The compiled half of the level meter."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.energy import WIDTH, energy
from perflab.jit import njit


@njit(cache=True, nogil=True, error_model="numpy")  # no test for a zero divisor in every row
def measure(pcm: Any, out: Any, active: Any) -> None:
    """Write RMS and peak of every active row of `pcm` int16 [sessions, n] into `out` float32 [sessions, 2]."""
    sessions, samples = pcm.shape
    flat, whole = pcm.reshape(pcm.size), samples // WIDTH
    tail, count = whole * WIDTH, np.float64(samples)
    for session in range(sessions):
        if not active[session]:
            out[session, 0] = out[session, 1] = 0
            continue
        start = session * samples
        total, low, high = energy(flat, start, whole)
        if tail < samples:
            for value in pcm[session, tail:]:
                total += np.int64(value) * value
                low, high = min(low, np.int64(value)), max(high, np.int64(value))
        out[session, 0] = np.sqrt(np.float64(total) / count)
        out[session, 1] = max(high, -low)
