"""What every instrument of quality demands of its two signals, said once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.errors import StatisticError, UsageError

Signal = NDArray[Any]  # one dimension, int16 or float in any unit, the same for both
Float = NDArray[np.float64]
MOST_SAMPLES = 16_000 * 600  # ten minutes: bounds what a wrong file can make us allocate


def checked(name: str, signal: Signal) -> Float:
    """Return `signal` [n] as float64; raises UsageError unless it is one-dimensional, finite and not empty."""
    if signal.ndim != 1 or not 0 < signal.size <= MOST_SAMPLES:
        raise UsageError(f"`{name}` is {list(signal.shape)}", f"one dimension, 1 to {MOST_SAMPLES:,} samples",
                         "Give one channel at a time")  # fmt: skip
    values: Float = signal.astype(np.float64)
    if not np.isfinite(values).all():
        raise UsageError(f"`{name}` holds NaN or infinity", "finite samples")
    return values


def checked_pair(reference: Signal, degraded: Signal) -> tuple[Float, Float]:
    """Return both as float64; raises UsageError for different lengths too, StatisticError for a silent reference."""
    first, second = checked("reference", reference), checked("degraded", degraded)
    if first.size != second.size:
        raise UsageError(f"The reference has {first.size} samples, the degraded signal {second.size}",
                         "equal lengths", "Align them first: perflab.audio.quality.alignment.aligned")  # fmt: skip
    if not first.any():
        raise StatisticError("The reference is silent", "a reference with speech in it")
    return first, second
