"""The compiled half of the mixer."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.integers import add16, add32, max32, min32, sub16, sub32
from perflab.jit import njit

SLICE = 1024  # samples summed at once: the sums stay in the nearest cache while all parties are read


@njit(cache=True, nogil=True)
def _rows(active: Any) -> Any:
    """Return which rows are active, or None for all: then it is known when this is compiled, and no list is made."""
    return None if active is None else np.flatnonzero(active)


@njit(cache=True, nogil=True)
def _sum(pcm: Any, begin: int, end: int, rows: Any, total: Any) -> None:
    """Sum the samples from `begin` to `end` of `rows` of `pcm` (None: all), four rows for each access to the sums."""
    total[:] = 0
    count = pcm.shape[0] if rows is None else rows.size
    fours = count // 4 * 4
    for at in range(0, fours, 4):
        if rows is None:
            a, b, c, d = pcm[at, begin:end], pcm[at + 1, begin:end], pcm[at + 2, begin:end], pcm[at + 3, begin:end]
        else:
            a, b = pcm[rows[at], begin:end], pcm[rows[at + 1], begin:end]
            c, d = pcm[rows[at + 2], begin:end], pcm[rows[at + 3], begin:end]
        for k in range(end - begin):
            left, right = add32(np.int32(a[k]), np.int32(b[k])), add32(np.int32(c[k]), np.int32(d[k]))
            total[k] = add32(total[k], add32(left, right))
    for at in range(fours, count):
        row = pcm[at if rows is None else rows[at], begin:end]
        for k in range(end - begin):
            total[k] = add32(total[k], np.int32(row[k]))


@njit(cache=True, nogil=True)
def _saturated(value: Any) -> Any:
    return np.int16(max32(min32(value, np.int32(32767)), np.int32(-32768)))


@njit(cache=True, nogil=True)
def mix_minus(pcm: Any, out: Any, active: Any) -> None:
    """Write into each active row of `out` the sum of the other active rows of `pcm`, saturated; else zeros.

    `active` None: all are. The sum is split into what fits 16 bits and the saturated rest, which has the same sign: the
    first less the own sample, plus the rest, both saturating, is then exactly the saturated difference, at 16 bits a
    sample.
    """
    rows, sums = _rows(active), np.empty(SLICE, dtype=np.int32)
    parts = np.empty((2, SLICE), dtype=np.int16)
    for begin in range(0, pcm.shape[1], SLICE):
        end = min(begin + SLICE, pcm.shape[1])
        total, near, rest = sums[: end - begin], parts[0, : end - begin], parts[1, : end - begin]
        _sum(pcm, begin, end, rows, total)
        for k in range(end - begin):
            near[k] = _saturated(total[k])
            rest[k] = _saturated(sub32(total[k], np.int32(near[k])))
        for party in range(pcm.shape[0]):
            own, heard = pcm[party, begin:end], out[party, begin:end]
            if active is not None and not active[party]:
                heard[:] = 0
                continue
            for k in range(end - begin):
                heard[k] = add16(sub16(near[k], own[k]), rest[k])


@njit(cache=True, nogil=True)
def mix(pcm: Any, out: Any, active: Any) -> None:
    """Write the sum of the active rows of `pcm` (`active` None: of all) into `out` int16 [n], saturated."""
    rows, sums = _rows(active), np.empty(SLICE, dtype=np.int32)
    for begin in range(0, out.size, SLICE):
        end = min(begin + SLICE, out.size)
        total = sums[: end - begin]
        _sum(pcm, begin, end, rows, total)
        for k in range(end - begin):
            out[begin + k] = _saturated(total[k])
