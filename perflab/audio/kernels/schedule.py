"""Which input samples and coefficients make which output sample: the resampler's plan for one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTPUTS = 5  # per tile: with two registers of sessions ten sums at once, enough to fill two FMA units of latency four


@dataclass(frozen=True)
class Schedule:
    """One frame in blocks of `outputs` samples, each a product of `window` input rows with a table.

    `coefficients`: float32, flat [tables, window, outputs]; `blocks`: int64 [blocks], the table of each block;
    `starts`: int64 [blocks], its first row in the buffer that begins with `history` rows of the last frame.
    """

    coefficients: NDArray[np.float32]
    blocks: NDArray[np.int64]
    starts: NDArray[np.int64]
    window: int
    history: int
    outputs: int = OUTPUTS


def polyphase_schedule(taps: NDArray[np.float64], up: int, down: int, frame_out: int) -> Schedule:
    """Plan a frame of `frame_out` samples; `taps`: the prototype at `up` times the input rate.

    Output n is sum over j of taps[p + j up] x[m - j], with m = n down // up and p = n down mod up. The samples of a
    block share the loads of their inputs; where their windows differ, the table holds zeros (about 4 %).
    """
    history = -(-taps.size // up) - 1
    blocks = -(-frame_out // OUTPUTS)
    latest = np.arange(blocks * OUTPUTS) * down // up
    phase = np.arange(blocks * OUTPUTS) * down % up
    first = latest[::OUTPUTS]
    window = history + 1 + int((latest[OUTPUTS - 1 :: OUTPUTS] - first).max())
    row = np.arange(window)
    back = (latest - np.repeat(first, OUTPUTS))[:, None] + history - row  # [outputs, window]: how far the row lies back
    at = phase[:, None] + back * up
    within = (back >= 0) & (at < taps.size) & (np.arange(latest.size)[:, None] < frame_out)
    dense = np.where(within, taps[np.where(within, at, 0)], 0.0).astype(np.float32)
    tables = dense.reshape(blocks, OUTPUTS, window).transpose(0, 2, 1)
    unique, which = np.unique(tables.reshape(blocks, -1), axis=0, return_inverse=True)
    return Schedule(np.ascontiguousarray(unique.reshape(-1)), which.reshape(-1).astype(np.int64),
                    first.astype(np.int64), window, history)  # fmt: skip
