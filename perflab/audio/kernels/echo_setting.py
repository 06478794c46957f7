"""How the echo canceller learns: one set of numbers for the compiled kernel and for its plain oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ, BLOCK, TAPS, POINTS = 16_000, 160, 320, 512  # TAPS: of one partition; BLOCK + TAPS - 1 fit into POINTS
SHARE = BLOCK / POINTS  # of a spectrum's energy that a block of errors shows


@dataclass(frozen=True)
class EchoSetting:
    """`first_variance`: of the weights before anything was heard, relative to an echo as loud as what is played.

    `persistence`: the share of a weight that lasts from block to block, so that changes of the room are followed;
    `near_memory`: smoothing of the near end's power; `trust`: how much of what a correction teaches is believed
    (less keeps the filter agile); `floor`: power of the rounding to 16 bits, per sample; `energy_memory` and `worse`:
    a filter is taken for outdated when it gives back `worse` times the smoothed energy that the microphone heard;
    `shortened`: partitions whose weights are cut to their length after each block, in turn.
    """

    first_variance: float = 1.0
    persistence: float = 0.99995
    near_memory: float = 0.7
    trust: float = 0.35
    floor: float = 1.0
    energy_memory: float = 0.9
    worse: float = 1.3
    shortened: int = 1

    def packed(self) -> NDArray[np.float32]:
        """Return what the compiled kernel reads: float32 [9]."""
        kept = self.persistence**2
        return np.array((self.near_memory, 1 / SHARE, self.floor * BLOCK, kept, 1 - kept, self.trust * SHARE,
                         self.energy_memory, self.worse, self.first_variance), dtype=np.float32)  # fmt: skip
