"""A compiled resampler for one stream: the polyphase sums as a loop, left to the compiler's vectoriser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perflab.audio.kernels.filter_design import prototype
from perflab.jit import njit

WHOLE = 32  # taps: whole vectors of the widest registers, four at a time, and no remainder one by one


@njit(cache=True, nogil=True, fastmath=True)  # sums may be reordered: without that no vector is used
def filter_frame(pcm: Any, heard: Any, kept: int, table: Any, up: int, down: int, out: Any) -> None:
    """Filter int16 `pcm` into int16 `out`; `heard` float32 begins with the `kept` last samples, `table` [up, taps]."""
    for at in range(pcm.size):
        heard[kept + at] = pcm[at]
    reach = table.shape[1]
    for n in range(out.size):
        taps, last = table[n * down % up], kept + n * down // up + 1
        window = heard[last - reach : last]  # a slice, indexed by the loop alone: else no vector is used
        total = np.float32(0)
        for k in range(reach):
            total += taps[k] * window[k]
        out[n] = np.int16(np.rint(min(max(total, np.float32(-32768)), np.float32(32767))))
    for at in range(kept):
        heard[at] = heard[pcm.size + at]


class CompiledConverter:
    """One stream from one rate to another, with the coefficients of the batched kernel, in float32."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        common = math.gcd(rate_in, rate_out)
        self._up, self._down = rate_out // common, rate_in // common
        taps = prototype(rate_in, rate_out, 100.0)
        reach = math.ceil(taps.size / self._up / WHOLE) * WHOLE
        padded = np.zeros(reach * self._up)
        padded[: taps.size] = taps
        self._table = np.ascontiguousarray(padded.reshape(reach, self._up).T[:, ::-1], dtype=np.float32)
        self._kept = reach
        self._heard = np.zeros(reach + rate_in // 50, np.float32)
        self._out = np.zeros(rate_out // 50, np.int16)

    def process(self, pcm: bytes) -> bytes:
        """Return the next frame at the other rate, rounded and saturated."""
        samples = np.frombuffer(pcm, np.int16)
        filter_frame(samples, self._heard, self._kept, self._table, self._up, self._down, self._out)
        return self._out.tobytes()

    def reset(self) -> None:
        """Forget what was heard."""
        self._heard[:] = 0
