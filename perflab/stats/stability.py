"""Did the figure stay where it was while it was measured?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, series

ChangeFinder = Callable[[FloatArray], int | None]  # log series -> index where the last level begins, None = one level


@dataclass(frozen=True)
class Drift:
    """The step from the first part of a run to the second, as a ratio of medians with its interval."""

    stable: bool
    ratio: float
    low: float
    high: float
    split: int  # index of the first sample of the second part
    n: int
    explanation: str


def drift(x: ArrayLike, margin: float = 0.05, *, find_change: ChangeFinder | None = None, parts: int = 5) -> Drift:
    """Compare the two halves of a run (or what lies before and after `find_change`'s index), in time order.

    Each side is cut into `parts`; the medians of the parts are taken as independent, so neighbouring samples may
    depend on each other. A run has drifted when the interval of the ratio excludes 1 and its estimate is beyond
    `margin`. Weakness: two halves miss a hump in the middle, and a change close to either end; `find_change` takes
    a change-point search (`warmup.last_change`). `x`: (n,), all above zero, n >= 2 * parts * 4.
    """
    values = np.log(series("x", x, minimum=8 * parts, positive=True))
    split = values.size // 2 if find_change is None else find_change(values)
    if split is None:
        return Drift(True, 1.0, 1.0, 1.0, int(values.size), int(values.size), "one level throughout")
    if not 2 * parts <= split <= values.size - 2 * parts:
        raise StatisticError(f"the change at sample {split} of {values.size} leaves too few samples on one side",
                             f"each side needs at least {2 * parts}")  # fmt: skip
    before, after = (_medians(side, parts) for side in (values[:split], values[split:]))
    centre = float(after.mean() - before.mean())
    low, high = _two_sample_t(before, after, centre)
    moved = (low > 0 or high < 0) and abs(centre) > np.log1p(margin)
    words = f"the median moved by {np.expm1(centre):+.1%} between the two parts of the run"
    ratio, bottom, top = (float(np.exp(v)) for v in (centre, low, high))
    return Drift(not moved, ratio, bottom, top, int(split), int(values.size), words)


def _two_sample_t(
    before: FloatArray, after: FloatArray, centre: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the pooled two-sample t interval of after - before; both hold as many parts."""
    from scipy.special import stdtrit  # scipy.stats would take ten times as long to import

    k = before.size
    variance = (float(before.var(ddof=1)) + float(after.var(ddof=1))) / 2
    width = float(stdtrit(2 * k - 2, 0.5 + confidence / 2)) * float(np.sqrt(2 * variance / k))
    return centre - width, centre + width


def _medians(side: FloatArray, parts: int) -> FloatArray:
    return np.array([np.median(part) for part in np.array_split(side, parts)])
