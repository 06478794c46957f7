"""Requests whose objects have names: a number for each name while the file is read."""

from __future__ import annotations

from array import array

import numpy as np

from perflab.cache.trace import Trace, dense_trace


class NamedRequests:
    """Collects name, size and time of requests; made dense on the way, so that no name is kept twice."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._ids, self._sizes, self._times = array("i"), array("q"), array("d")
        self.skipped = 0

    def add(self, name: str, size: int | None = None, time: float | None = None) -> None:
        """Append one request; give sizes and times for all or for none."""
        self._ids.append(self._numbers.setdefault(name, len(self._numbers)))
        if size is not None:
            self._sizes.append(size)
        if time is not None:
            self._times.append(time)

    def trace(self, name: str, *, ordered: bool = False) -> Trace:
        """Return them as a trace, put in order of time if `ordered`; raises UsageError when there are none."""
        ids = np.frombuffer(self._ids, np.int32) if self._ids else np.empty(0, np.int32)
        sizes = np.frombuffer(self._sizes, np.int64) if self._sizes else None
        times = np.frombuffer(self._times, np.float64) if self._times else None
        if ordered and times is not None:
            order = np.argsort(times, kind="stable")
            ids, times, sizes = ids[order], times[order], None if sizes is None else sizes[order]
        return dense_trace(name, ids, len(self._numbers), sizes, times, self.skipped)
