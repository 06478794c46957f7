"""What may enter a statistic: one check for every function here, whose errors name the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError

FloatArray = NDArray[np.float64]


def series(
    name: str, values: ArrayLike, *, minimum: int = 1, positive: bool = False, varied: bool = False
) -> FloatArray:
    """Return `values` as a one-dimensional float64 array, or raise StatisticError naming the argument.

    `minimum`: fewest values. `positive`: all above zero (needed before a logarithm). `varied`: not all equal,
    because a spread of exactly zero comes from the instrument's resolution, and an interval made of it would
    claim a certainty that nobody measured.
    """
    array = _numeric(name, values)
    if array.size < minimum:
        raise StatisticError(f"`{name}` holds {_count(array.size)}", f"it must hold at least {minimum}")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise StatisticError(f"`{name}` holds NaN or infinite values ({bad} of {array.size})", "all must be finite")
    if positive and bool((array <= 0).any()):
        low = f"{int((array <= 0).sum())} of {array.size}, lowest {array.min():g}"
        raise StatisticError(f"`{name}` holds values of zero or below ({low})", "a ratio needs numbers above zero",
                             "Compare differences instead")  # fmt: skip
    if varied and bool((array == array[0]).all()):
        raise StatisticError(f"`{name}` is constant ({array[0]:g}, {array.size} times)",
                             "an interval needs values that vary", "Measure with a finer resolution")  # fmt: skip
    return array


def pair(first: str, a: ArrayLike, second: str, b: ArrayLike, **rules: Any) -> tuple[FloatArray, FloatArray]:
    """Check two series that belong together value by value."""
    left, right = series(first, a, **rules), series(second, b, **rules)
    if left.size != right.size:
        raise StatisticError(f"`{first}` holds {left.size} values and `{second}` {right.size}",
                             "pairs need as many of each", "Drop the whole block where one arm failed")  # fmt: skip
    return left, right


def level(name: str, value: float) -> float:
    """Return a probability strictly between 0 and 1, or raise StatisticError."""
    if not 0.0 < value < 1.0:
        raise StatisticError(f"`{name}` is {value!r}", "it must lie between 0 and 1, both excluded")
    return float(value)


def _numeric(name: str, values: ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise StatisticError(f"`{name}` is not numeric", "it must be a list or array of numbers") from None
    if array.ndim != 1:
        raise StatisticError(f"`{name}` has {array.ndim} dimensions", "it must have one")
    return array


def _count(n: int) -> str:
    return "1 value" if n == 1 else f"{n} values"
