"""The first look at a series: what every table of latencies shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perflab.stats.inputs import series


@dataclass(frozen=True)
class Summary:
    """Plain figures of a series in its own unit; no claim about anything but these samples."""

    n: int
    mean: float
    sd: float  # 0 for a single value
    minimum: float
    p50: float
    p95: float
    p99: float
    maximum: float

    @property
    def tail_ratio(self) -> float:
        """p99 / p50: how much worse the unlucky have it; infinite when the median is zero."""
        return self.p99 / self.p50 if self.p50 else float("inf")


def describe(x: ArrayLike) -> Summary:
    """Summarise `x`: (n,), finite, n >= 1; quantiles interpolate linearly between samples (Hyndman-Fan type 7)."""
    values = series("x", x)
    p50, p95, p99 = (float(v) for v in np.quantile(values, (0.50, 0.95, 0.99)))
    sd = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return Summary(int(values.size), float(values.mean()), sd, float(values.min()), p50, p95, p99, float(values.max()))
