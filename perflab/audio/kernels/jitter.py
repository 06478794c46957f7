"""A jitter buffer, simulated: how long packets wait so that few come too late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Played:
    """Per session: packets `lost` by the link, packets too `late` to be played, mean delay of those played in ms.

    `missed` bool [sessions, packets]: what has to be concealed, lost or late. `waits_ms` float64 of the same shape:
    the delay of each packet that is played, NaN for the others.
    """

    lost: Counts
    late: Counts
    delay_ms: NDArray[np.float64]
    missed: NDArray[np.bool_]
    waits_ms: NDArray[np.float64]


def simulate(delays_ms: NDArray[np.float64], *, memory: float = 0.998, spread: float = 4.0, spurt: int = 50) -> Played:
    """Play packets that took `delays_ms` float64 [sessions, packets] on the link, NaN where the link lost one.

    Adaptive playout: mean and mean deviation of the delay are tracked exponentially with `memory`; at the start of
    each talk spurt (`spurt` packets) the playout delay becomes mean + `spread` * deviation, and is kept during it.
    Weakness: no spike detection, so a burst of late packets at the start of a spurt is followed only at the next.
    Source: Ramjee, Kurose, Towsley and Schulzrinne, Adaptive playout mechanisms (INFOCOM 1994), algorithm 1.
    Raises UsageError for negative or infinite delays, other shapes, and parameters out of range.
    """
    from perflab.audio.kernels.compiled.network import play

    if delays_ms.ndim != 2 or delays_ms.dtype != np.float64 or 0 in delays_ms.shape:
        raise UsageError(f"Delays are {delays_ms.dtype} {list(delays_ms.shape)}", "float64 [sessions, packets]")
    if bool((delays_ms < 0).any()) or bool(np.isinf(delays_ms).any()):
        raise UsageError("A delay is negative or infinite", "milliseconds from 0 on, NaN for a lost packet")
    if not 0 < memory < 1 or not 0 <= spread < 100 or spurt < 1:
        raise UsageError(
            f"Memory {memory:g}, spread {spread:g}, spurt {spurt}", "0 < memory < 1, 0 <= spread, spurt >= 1"
        )
    sessions = delays_ms.shape[0]
    late, lost = np.zeros((2, sessions), dtype=np.int64)
    held, missed, waits = np.empty(sessions), np.zeros(delays_ms.shape, np.bool_), np.full(delays_ms.shape, np.nan)
    play(np.ascontiguousarray(delays_ms), memory, spread, spurt, late, lost, held, missed, waits)
    return Played(lost, late, held, missed, waits)
