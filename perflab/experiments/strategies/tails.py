"""A tail is told of a block only where it holds enough values for one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

TAIL_REQUESTS = 20  # of fewer answers in a block the largest would be called their p95


def least_of(q: float) -> int:
    """Return of how many values a quantile q (between 0 and 1) can be told: 20 for p95, 100 for p99."""
    return math.ceil(1 / (1 - q) - 1e-9)


def tail(values: np.ndarray | Sequence[float], q: float) -> float:
    """Return the quantile q of one block's values, in their unit; NaN where there are fewer than 1 / (1 - q).

    Of fewer the largest alone would stand for the tail, and it grows with their number. A value that is infinite
    (never answered) counts as larger than all others; where it reaches into the quantile, that is NaN too.
    """
    found = np.sort(np.asarray(values, dtype=np.float64))
    if found.size < least_of(q):
        return float("nan")
    above = found[math.ceil((found.size - 1) * q - 1e-9)]  # the larger of the two that are interpolated
    return float(np.quantile(found, q)) if np.isfinite(above) else float("nan")
