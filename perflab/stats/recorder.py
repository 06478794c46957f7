"""A recorder of latencies for the hot path: a log-linear histogram that counts 10^8 values a second and more.

Counts are those of HdrHistogram, bucket by bucket, so every tool that reads its format reads ours. Unlike its ports
it loses nothing: a value outside the range, even a negative one, is counted, and minimum, maximum and sum are exact.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError
from perflab.stats.hdr_layout import HOUR_NS, LARGEST, Layout
from perflab.stats.inputs import level

Counts = NDArray[np.int64]


class Recorder:
    """Counts of whole numbers (nanoseconds, say) in buckets no wider than 10^-digits of their values.

    `negative` and `above` count what has no bucket; such values take their place in every rank, below and above
    all buckets. `below` counts values in [0, lowest): they are in the buckets too, with less than the full resolution.
    `exact` is False after reading a blob, which carries counts alone: `minimum` and `maximum` are then the outer edges
    of the outer buckets and `total` is made of bucket centres. One writer at a time.
    """

    def __init__(self, lowest: int = 1, highest: int = HOUR_NS, digits: int = 3) -> None:
        self.layout = Layout(lowest, highest, digits)
        self.counts: Counts = np.zeros(self.layout.counters, dtype=np.int64)
        self.in_range = self.below = self.negative = self.above = self.total = 0
        self._minimum, self._maximum = LARGEST, -LARGEST - 1
        self.exact = True

    @property
    def n(self) -> int:
        """How many values were recorded, wherever they lie."""
        return self.in_range + self.negative + self.above

    @property
    def minimum(self) -> int:
        """The smallest value; raises StatisticError when there is none."""
        self._needs_values()
        return self._minimum

    @property
    def maximum(self) -> int:
        """The largest value; raises StatisticError when there is none."""
        self._needs_values()
        return self._maximum

    @property
    def mean(self) -> float:
        """The sum over n; raises StatisticError when there is no value."""
        self._needs_values()
        return self.total / self.n

    def record_array(self, values: ArrayLike) -> None:
        """Record `values`: (n,) of whole numbers, any n; raises StatisticError for anything else (NaN is no integer).

        About 2 ns a value where the buckets in use fit the second cache. Compiled at first use: about a second.
        """
        whole = _whole(values)
        if not whole.size:
            return
        tally = np.array([0, 0, 0, LARGEST, -LARGEST - 1, 0, 0], dtype=np.int64)
        shape = self.layout
        _kernel()(whole, self.counts, shape.unit_magnitude, shape.half_magnitude, shape.mask, shape.lowest,
                  shape.limit, tally)  # fmt: skip
        below, negative, above, low, high, upper, lower = (int(word) for word in tally)
        self.below += below
        self.negative += negative
        self.above += above
        self.in_range += int(whole.size) - negative - above
        self.total += (upper << 32) + lower
        self._minimum, self._maximum = min(self._minimum, low), max(self._maximum, high)

    def merge(self, other: Recorder) -> None:
        """Add what another recorder has counted; raises StatisticError when its buckets are others."""
        if other.layout != self.layout:
            raise StatisticError(f"{other.layout} cannot be added to {self.layout}", "both must have the same buckets",
                                 "Record with the same lowest, highest and digits")  # fmt: skip
        self.counts += other.counts
        for name in ("in_range", "below", "negative", "above", "total"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._minimum = min(self._minimum, other._minimum)
        self._maximum = max(self._maximum, other._maximum)
        self.exact = self.exact and other.exact

    def take_counts(self, counts: Counts) -> None:
        """Become the recorder that `counts` (as many as the layout has) came from, as far as they tell."""
        self.counts[:] = counts
        used = np.flatnonzero(counts)
        self.in_range, self.below, self.negative, self.above = sum(int(counts[i]) for i in used), 0, 0, 0
        self.exact = False
        if used.size:
            self._minimum, self._maximum = self.layout.bounds(int(used[0]))[0], self.layout.bounds(int(used[-1]))[1]
        self.total = sum(int(counts[i]) * (sum(self.layout.bounds(int(i))) // 2) for i in used)

    def rank_bounds(self, rank: int) -> tuple[int, int]:
        """Return the smallest and the largest number that the value of a rank (1 = smallest) can have been."""
        if not 1 <= rank <= self.n:
            raise StatisticError(f"Rank {rank} of {self.n} recorded values", "it must lie between 1 and n")
        if rank <= self.negative:
            return self._minimum, min(-1, self._maximum)
        if rank > self.negative + self.in_range:
            return max(self.layout.limit + 1, self._minimum), self._maximum
        index = int(np.searchsorted(np.cumsum(self.counts), rank - self.negative))
        low, high = self.layout.bounds(index)
        return max(low, self._minimum), min(high, self._maximum)

    def quantile(self, q: float) -> tuple[int, int]:
        """Return the bounds of the bucket that holds the `q` quantile: the value of rank ceil(q n) (type 1)."""
        self._needs_values()
        return self.rank_bounds(max(math.ceil(level("q", q) * self.n - 1e-9), 1))

    def _needs_values(self) -> None:
        if not self.n:
            raise StatisticError("Nothing was recorded", "at least one value is needed")


class LiveRecorder:
    """The way in for single values: a store into a preallocated buffer, counted in bulk when it is full.

    A compiled call for one value costs 100 ns and more from Python, a store a fraction of that. Call `flush` before
    reading `recorder`; leaving a `with` block does.
    """

    def __init__(self, recorder: Recorder, size: int = 8192) -> None:
        if size < 1:
            raise StatisticError(f"A buffer of {size} values", "it must hold at least one")
        self.recorder = recorder
        self._buffer = array("q", bytes(8 * size))
        self._view: Counts = np.frombuffer(self._buffer, dtype=np.int64)
        self._size, self._used = size, 0

    def record(self, value: int) -> None:
        """Record one whole number of at most 63 bits."""
        self._buffer[self._used] = value
        self._used += 1
        if self._used == self._size:
            self.flush()

    def flush(self) -> None:
        """Count what the buffer holds."""
        used, self._used = self._used, 0
        self.recorder.record_array(self._view[:used])

    def __enter__(self) -> LiveRecorder:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()


def _whole(values: ArrayLike) -> Counts:
    array_ = np.asarray(values)
    if array_.ndim != 1:
        raise StatisticError(f"`values` has {array_.ndim} dimensions", "it must have one")
    if array_.size and (array_.dtype.kind not in "iu" or (array_.dtype.kind == "u" and int(array_.max()) > LARGEST)):
        raise StatisticError(f"`values` is {array_.dtype}", "a recorder counts whole numbers of at most 63 bits",
                             "Remove NaN, choose a unit such as nanoseconds, and round to int64")  # fmt: skip
    return np.ascontiguousarray(array_, dtype=np.int64)


@lru_cache(maxsize=1)
def _kernel() -> Any:
    from perflab.stats.recording_kernel import record  # imported late: numba takes most of a second

    return record
