"""What an oracle reads: the requests of a trace as plain Python values."""

from __future__ import annotations

from typing import NamedTuple

from perflab.cache.trace import Trace


class Request(NamedTuple):
    """One request: whose, how large (1 where every object counts as one), when (0 where times are not known)."""

    id: int
    size: int
    time: float


def requests_of(trace: Trace) -> list[Request]:
    """Return the requests in order."""
    sizes = [1] * trace.requests if trace.sizes is None else trace.sizes.tolist()
    times = [0.0] * trace.requests if trace.times is None else trace.times.tolist()
    return [Request(*fields) for fields in zip(trace.ids.tolist(), sizes, times, strict=True)]
