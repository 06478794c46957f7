"""The compiled half of packet-loss concealment."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.jit import njit

EXACT = {"reassoc", "contract", "nsz"}  # whole numbers below 2^53: their sums are the same in any order


@njit(cache=True, nogil=True, fastmath=EXACT)
def _product(past: Any, at: int, other: int, count: int) -> float:
    """Return the sum of the products of `count` samples from `at` and from `other` on."""
    total = 0.0
    for i in range(count):
        total += np.float64(past[at + i]) * np.float64(past[other + i])
    return total


@njit(cache=True, nogil=True)
def _pitch(past: Any, shortest: int, longest: int) -> int:
    """Return the lag, in samples, at which the past resembles its latest samples most."""
    count = past.size - longest
    best, found = -np.inf, shortest
    at = longest - shortest
    energy = _product(past, at, at, count)
    for lag in range(shortest, longest + 1):
        at = longest - lag
        likeness = _product(past, at, longest, count) / np.sqrt(max(energy, 1.0))
        if likeness > best:
            best, found = likeness, lag
        if at > 0:
            energy += np.float64(past[at - 1]) ** 2 - np.float64(past[at - 1 + count]) ** 2
    return found


@njit(cache=True, nogil=True)
def _continued(past: Any, period: int, at: int, times: Any) -> Any:
    """Return the sample `at` samples into a gap: `times` are the rate, when it begins to fade, and how long it does."""
    gain = 1 - (at / times[0] - times[1]) / times[2]
    return np.float64(past[past.size - period + at % period]) * min(max(gain, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _remember(past: Any, heard: Any) -> None:
    kept = past.size - heard.size
    for i in range(kept):
        past[i] = past[i + heard.size]
    for i in range(max(-kept, 0), heard.size):
        past[kept + i] = heard[i]


@njit(cache=True, nogil=True)
def conceal(
    pcm: Any, lost: Any, active: Any, past: Any, missing: Any, period: Any, shortest: int, longest: int, times: Any,
    weights: Any, out: Any,
) -> None:  # fmt: skip
    """Pass the received rows of `pcm` [sessions, frame] on, fill the lost ones, and keep what was heard in `past`.

    `missing`: samples filled since the last received one; `period`: of what fills the gap. Both int64 [sessions].
    """
    frame = pcm.shape[1]
    for session in range(active.size):
        row, heard = out[session], past[session]
        if not active[session]:
            row[:] = 0
        elif lost[session]:
            if missing[session] == 0:
                period[session] = _pitch(heard, shortest, longest)
            for i in range(frame):
                row[i] = np.int16(np.rint(_continued(heard, period[session], missing[session] + i, times)))
            missing[session] += frame
        else:
            for i in range(frame):
                row[i] = pcm[session, i]
            if missing[session]:
                for i in range(weights.size):
                    filled = _continued(heard, period[session], missing[session] + i, times)
                    row[i] = np.int16(np.rint(pcm[session, i] * weights[i] + filled * (1 - weights[i])))
                missing[session] = 0
            _remember(heard, row)
