"""How far two distributions lie apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from perflab.stats.inputs import FloatArray, series


def ks_distance(x: ArrayLike, y: ArrayLike) -> float:
    """Return the largest gap between the empirical distribution functions of two samples (Kolmogorov-Smirnov)."""
    a, b = np.sort(series("x", x)), np.sort(series("y", y))
    points = np.concatenate((a, b))
    share_a = np.searchsorted(a, points, side="right") / a.size
    share_b = np.searchsorted(b, points, side="right") / b.size
    return float(np.abs(share_a - share_b).max())


def ks_distance_to(x: ArrayLike, cdf: Callable[[FloatArray], FloatArray]) -> float:
    """Return the largest gap between a sample and a distribution function, such as a latency profile's own."""
    values = np.sort(series("x", x))
    expected = np.asarray(cdf(values), dtype=np.float64)
    above = np.arange(1, values.size + 1) / values.size - expected
    below = expected - np.arange(values.size) / values.size
    return float(max(above.max(), below.max()))
