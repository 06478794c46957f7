"""The compiled half of the queue of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.jit import njit

SCALE = np.float32(1 / 32_768)


@njit(cache=True, nogil=True)
def join(pcm: Any, active: Any, held: Any, filled: Any, chunks: Any, ready: Any) -> None:
    """Append frames `pcm` int16 [sessions, n] to `held` [sessions, chunk]; where that is full, give it to `chunks`."""
    samples, chunk = pcm.shape[1], chunks.shape[1]
    for session in range(active.size):
        ready[session] = False
        if not active[session]:
            continue
        row, have = pcm[session], filled[session]
        fits = min(samples, chunk - have)
        kept = held[session]
        for at in range(fits):
            kept[have + at] = np.float32(row[at]) * SCALE
        filled[session] = have + fits
        if have + fits == chunk:
            chunks[session] = kept
            for at in range(samples - fits):
                kept[at] = np.float32(row[fits + at]) * SCALE
            filled[session] = samples - fits
            ready[session] = True
