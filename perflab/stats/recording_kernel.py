"""The compiled part of the recorder. Import it late: numba takes most of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from perflab.jit import njit

CHUNK = 2048  # 16 KiB of values: the second look at a chunk finds it in the nearest cache
BELOW, NEGATIVE, ABOVE, MINIMUM, MAXIMUM, HIGH, LOW = range(7)  # places of a tally


def _count_zeros(typing_context: Any, value: Any) -> Any:
    """Count the zero bits above the highest one bit of an int64: one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), generate


_leading_zeros: Any = intrinsic(_count_zeros)


@njit(cache=True)
def _index(value: int, unit: int, half: int, mask: int) -> Any:
    """Return the counter of a value, unsigned, so that no test for a negative index is compiled in."""
    power = 64 - _leading_zeros(np.int64(value | mask)) - unit - half - 1
    return np.uint64((power << half) + (value >> (power + unit)))


@njit(cache=True)
def record(
    values: NDArray[np.int64], counts: NDArray[np.int64], unit: int, half: int, mask: int, lowest: int, limit: int,
    tally: NDArray[np.int64],
) -> None:  # fmt: skip
    """Count `values` (n,) into `counts`, and what lies outside with minimum, maximum and sum into `tally` (7,).

    Each chunk is looked at twice: first its minimum, maximum and sum, which the processor does several values at a
    time; then, when nothing lies outside (nearly always), it is counted without a test per value. The sum is kept in
    two words, value >> 32 and the low 32 bits, because nanoseconds overflow one.
    """
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        low, high, upper, lower = part[0], part[0], np.int64(0), np.int64(0)
        for value in part:
            low, high = min(low, value), max(high, value)
            upper += value >> 32
            lower += value & 0xFFFFFFFF
        tally[MINIMUM], tally[MAXIMUM] = min(tally[MINIMUM], low), max(tally[MAXIMUM], high)
        lower += tally[LOW]
        tally[HIGH] += upper + (lower >> 32)
        tally[LOW] = lower & 0xFFFFFFFF
        if low >= lowest and high <= limit:
            for value in part:
                counts[_index(value, unit, half, mask)] += 1
            continue
        for value in part:
            if value < 0:
                tally[NEGATIVE] += 1
            elif value > limit:
                tally[ABOVE] += 1
            else:
                tally[BELOW] += value < lowest
                counts[_index(value, unit, half, mask)] += 1
