"""RMS and peak of one frame in numpy: what is written first, and what the kernel must equal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

INT16 = np.dtype("<i2")


def measure(pcm: bytes) -> tuple[float, float]:
    """Return RMS (rounded to float32, as the kernel gives it) and peak of a frame; squares are summed exactly."""
    samples: NDArray[np.int64] = np.frombuffer(pcm, INT16).astype(np.int64)
    rms = np.float32(math.sqrt(int(samples @ samples) / samples.size))
    return float(rms), float(max(int(samples.max()), -int(samples.min())))
