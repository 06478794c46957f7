"""How the denoiser decides: one set of numbers for the compiled kernel and for its plain oracle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

RATE_HZ, HOP, WINDOW, POINTS = 16_000, 160, 320, 512
LEAST_DB, MOST_DB = 0.0, 40.0


@dataclass(frozen=True)
class DenoiserSetting:
    """`suppression_db`: the most by which a frequency is attenuated; more removes more noise and more speech.

    `expected_db`: the signal-to-noise ratio of speech that is assumed when its chance is computed; `presence_memory`
    and `stuck_above`: that chance, smoothed, and the bound that unlocks a tracker which took noise for speech;
    `decision_memory`: the weight of the last frame in the a-priori ratio; `smallest_ratio`: its least value;
    `noise_rate`: how much of a hop's noise enters the estimate; `first_hops`: hops that are taken as noise alone;
    `quiet_power`: added to every power, so that digital silence has a finite ratio.
    """

    suppression_db: float = 16.5
    expected_db: float = 10.0
    presence_memory: float = 0.9
    stuck_above: float = 0.99
    decision_memory: float = 0.95
    smallest_ratio: float = 10**-2.5
    noise_rate: float = 0.1
    first_hops: int = 8
    quiet_power: float = 10.0

    def __post_init__(self) -> None:
        if not LEAST_DB <= self.suppression_db <= MOST_DB:
            raise UsageError(f"{self.suppression_db:g} dB of suppression", f"{LEAST_DB:g} to {MOST_DB:g} dB")

    @property
    def floor(self) -> float:
        """The smallest gain."""
        return float(10 ** (-self.suppression_db / 20))

    def packed(self) -> NDArray[np.float32]:
        """Return what the compiled kernel reads: float32 [10]."""
        expected = 10 ** (self.expected_db / 10)
        return np.array((1 + expected, -expected / (1 + expected), self.presence_memory, self.stuck_above,
                         self.decision_memory, self.smallest_ratio, self.floor, self.quiet_power, self.first_hops,
                         self.noise_rate), dtype=np.float32)  # fmt: skip


def sine_window() -> NDArray[np.float64]:
    """Return the square root of a periodic Hann window of WINDOW samples: its squares, a hop apart, add up to one."""
    return np.sin(math.pi * np.arange(WINDOW) / WINDOW)
