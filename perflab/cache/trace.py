"""A trace: which object was asked for, request by request, with sizes and times where they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import UsageError

MOST_REQUESTS = 500_000_000
LARGEST_OBJECT = 1 << 40  # bytes
MOST_BYTES = 1 << 62  # of all requests together, so that no sum of sizes leaves int64
_UNIT = np.ones(1, np.int64)


@dataclass(frozen=True)
class Trace:
    """Requests in time order; made by `trace_of`, `dense_trace` or a reader, which check what they are given.

    `ids`: int32 [n], dense: 0 to `objects` - 1, so that the state of a policy is an array and not a hash table.
    `sizes`: int64 [n] in bytes, None when every object counts as one. `times`: float64 [n] in seconds, in order.
    `skipped`: records of the file that were no requests for an object (an access log's POST lines).
    """

    name: str
    ids: NDArray[np.int32]
    objects: int
    sizes: NDArray[np.int64] | None = None
    times: NDArray[np.float64] | None = None
    skipped: int = 0

    @property
    def requests(self) -> int:
        """The number of requests."""
        return int(self.ids.size)

    def weights(self) -> tuple[NDArray[np.int64], int]:
        """Return sizes and the step between two requests' sizes: one 1 and step 0 where every object counts as one."""
        return (_UNIT, 0) if self.sizes is None else (self.sizes, 1)

    def bytes(self) -> int:
        """Return the sum of all sizes; the number of requests where every object counts as one."""
        return self.requests if self.sizes is None else int(self.sizes.sum())

    def head(self, count: int) -> Trace:
        """Return the first `count` requests (1 to all)."""
        if not 1 <= count <= self.requests:
            raise UsageError(f"The first {count} requests of {self.name}", f"1 to {self.requests}")
        sizes = None if self.sizes is None else self.sizes[:count]
        times = None if self.times is None else self.times[:count]
        return Trace(self.name, self.ids[:count], self.objects, sizes, times, self.skipped)

    def counted(self) -> Trace:
        """Return the same requests with every object counted as one, whatever its size."""
        return Trace(self.name, self.ids, self.objects, None, self.times, self.skipped)


def trace_of(name: str, raw: ArrayLike, sizes: ArrayLike | None = None, times: ArrayLike | None = None,
             skipped: int = 0) -> Trace:  # fmt: skip
    """Return a trace of raw ids (any integers of up to 64 bits), renamed to dense ones in order of appearance.

    Raises UsageError for an empty trace, ids that are no integers, sizes outside 1 to 2^40 bytes or of 2^62 together,
    times that are not finite or run backwards, and arrays of different lengths.
    """
    from perflab.cache.dense import dense_ids

    found = np.asarray(raw)
    _check_length(name, found)
    if found.dtype.kind not in "iu":
        raise UsageError(f"Trace {name} has ids of type {found.dtype}", "whole numbers of up to 64 bits")
    ids, objects = dense_ids(found.astype(np.uint64, copy=False))
    return Trace(name, ids, objects, _checked_sizes(name, sizes, found.size), _checked_times(name, times, found.size),
                 skipped)  # fmt: skip


def dense_trace(name: str, ids: ArrayLike, objects: int, sizes: ArrayLike | None = None,
                times: ArrayLike | None = None, skipped: int = 0) -> Trace:  # fmt: skip
    """Return a trace of ids that are dense already, 0 to `objects` - 1; checked like `trace_of`."""
    given = np.asarray(ids)
    _check_length(name, given)
    if given.dtype.kind not in "iu" or not 0 <= int(given.min()) <= int(given.max()) < objects <= MOST_REQUESTS:
        raise UsageError(f"Trace {name} has ids outside 0 to {objects - 1}", "dense ids of at most "
                         f"{MOST_REQUESTS:,} objects", "Rename them with trace_of")  # fmt: skip
    return Trace(name, np.ascontiguousarray(given, np.int32), objects, _checked_sizes(name, sizes, given.size),
                 _checked_times(name, times, given.size), skipped)  # fmt: skip


def check_capacity(capacity: int, unit: str) -> int:
    """Return the capacity; raises UsageError unless it is a whole number from 1 to 2^60."""
    if isinstance(capacity, bool) or not isinstance(capacity, int | np.integer) or not 1 <= capacity <= 1 << 60:
        raise UsageError(f"A cache of {capacity} {unit}", "a whole number of at least 1")
    return int(capacity)


def _check_length(name: str, given: NDArray[np.generic]) -> None:
    if given.ndim != 1 or not 1 <= given.size <= MOST_REQUESTS:
        raise UsageError(f"Trace {name} holds {given.size} requests", f"1 to {MOST_REQUESTS:,} in one row")


def _checked_sizes(name: str, sizes: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
    if sizes is None:
        return None
    found = np.asarray(sizes)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise UsageError(f"Trace {name} has sizes of shape {found.shape} and type {found.dtype}",
                         f"one whole number of bytes for each of {count} requests")  # fmt: skip
    if bad := np.flatnonzero((found < 1) | (found > LARGEST_OBJECT)).tolist()[:1]:
        raise UsageError(f"Trace {name} has an object of {found[bad[0]]} bytes at request {bad[0] + 1}",
                         f"1 to {LARGEST_OBJECT} bytes", "Drop the sizes to count every object as one")  # fmt: skip
    if (total := float(found.sum(dtype=np.float64))) >= MOST_BYTES:
        raise UsageError(f"Trace {name} asks for {total:.3g} bytes", f"fewer than {MOST_BYTES:.3g} in all requests",
                         "Drop the sizes to count every object as one")  # fmt: skip
    return np.ascontiguousarray(found, np.int64)


def _checked_times(name: str, times: ArrayLike | None, count: int) -> NDArray[np.float64] | None:
    if times is None:
        return None
    found = np.ascontiguousarray(times, np.float64)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise UsageError(
            f"Trace {name} has times of shape {found.shape}", f"a finite time for each of {count} requests"
        )
    back = np.flatnonzero(found[1:] < found[:-1])
    if back.size:
        raise UsageError(f"Trace {name} runs backwards in time at request {int(back[0]) + 2}",
                         "times in order", "Sort the file by time")  # fmt: skip
    return found
