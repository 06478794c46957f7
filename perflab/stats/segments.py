"""Levels of a series: the piecewise constant fit of least cost, found exactly by pruned dynamic programming."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, series

TO_SIGMA = 1.4826  # the median absolute deviation of normal noise, in standard deviations
MEAN_TO_SIGMA = 1.2533  # the same for the mean absolute deviation
_COMPILING = threading.Lock()
WIDTH = 5  # of the running median: two spikes in five leave it where it was


def change_indexes(x: ArrayLike, *, penalty: float = 15.0, shortest: int = 10, width: int = WIDTH) -> tuple[int, ...]:
    """Return the indexes at which a new level begins, in order; empty when one level explains the series.

    Procedure: 1. a running median of `width` points, so that single spikes are no level; 2. scaled by the noise, a
    median absolute deviation of steps between points that share no sample (a jump of the level cannot inflate it);
    3. the split into levels of at least `shortest` points that minimises squared error + `penalty` * ln n for each
    level (PELT: exact, and linear in time where changes are frequent).
    `x`: (n,) finite, n >= 2 * `shortest`; logarithms where levels are ratios. A series without noise has its exact
    steps found. Weakness: neighbours that depend on each other (a queue near saturation) look like levels; hence a
    penalty far above the textbook's 2 ln n. A slow trend becomes a staircase.
    Raises StatisticError for NaN or too few values.
    Source: Killick, Fearnhead, Eckley 2012 (PELT), with the penalty and filter that measured best on warm-ups.
    """
    values = series("x", x, minimum=2 * shortest)
    if shortest < 1 or penalty <= 0:
        raise StatisticError(f"`shortest` is {shortest} and `penalty` {penalty:g}", "both must be above 0")
    smooth = running_median(values, width)
    scaled = (smooth - np.median(smooth)) / _noise(smooth, width)
    with _COMPILING:  # trials that end side by side must not compile it once for each of their threads
        fit = _fit()
    last = fit(np.ascontiguousarray(scaled), float(penalty * np.log(values.size)), shortest)
    return _trace(last)


def running_median(values: FloatArray, width: int = WIDTH) -> FloatArray:
    """Return the median of each point and its neighbours; the ends repeat the first and the last value."""
    if width <= 1:
        return values
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.asarray(np.median(sliding_window_view(padded, width), axis=1), dtype=np.float64)


def _noise(smooth: FloatArray, lag: int) -> float:
    """Return the standard deviation of one point of the smoothed series; above zero, so that it can divide.

    Where most steps are zero (a coarse clock, or no noise at all) their mean stands in for their median.
    """
    steps = np.abs(smooth[lag:] - smooth[:-lag])
    spread = TO_SIGMA * float(np.median(steps)) or MEAN_TO_SIGMA * float(steps.mean())
    return spread / float(np.sqrt(2.0)) or 1.0


def _trace(last: NDArray[np.int64]) -> tuple[int, ...]:
    """Walk back from the end through the best last changes."""
    found: list[int] = []
    at = int(last[-1])
    while at > 0:
        found.append(at)
        at = int(last[at])
    return tuple(reversed(found))


@lru_cache(maxsize=1)
def _fit() -> Callable[..., Any]:
    from perflab.jit import njit  # imported late: it takes a second

    compiled: Callable[..., Any] = njit(cache=True)(_optimal_partition)
    return compiled


def _optimal_partition(x: FloatArray, penalty: float, shortest: int) -> NDArray[np.int64]:
    """Return for each end t the best place of the last change before it (0 = none); compiled on first use."""
    n = x.size
    total, squares = np.zeros(n + 1), np.zeros(n + 1)
    for i in range(n):
        total[i + 1] = total[i] + x[i]
        squares[i + 1] = squares[i] + x[i] * x[i]
    best, last = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=np.int64)
    best[0] = -penalty
    kept, dead = np.zeros(n + 1, dtype=np.int64), np.full(n + 1, n + 1, dtype=np.int64)
    cost = np.zeros(n + 1)
    count = 1  # kept[0] = 0: the series may begin with any level
    for t in range(shortest, n + 1):
        for j in range(count):
            s = kept[j]
            part = total[t] - total[s]
            cost[j] = best[s] + (squares[t] - squares[s]) - part * part / (t - s)
            if cost[j] + penalty < best[t]:
                best[t], last[t] = cost[j] + penalty, s
        stay = 0
        for j in range(count):
            until = dead[j]
            if cost[j] > best[t]:  # a change at t is better for every end that leaves a whole level after t
                until = min(until, t + shortest)
            if t + 1 < until:
                kept[stay], dead[stay] = kept[j], until
                stay += 1
        count = stay
        if t + 1 >= 2 * shortest:  # the next end leaves a whole level after this place
            kept[count], dead[count] = t + 1 - shortest, n + 1
            count += 1
    return last
