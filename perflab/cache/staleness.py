"""How old the answers of a cache with a time to live are: a trace served while its objects change at their source."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.cache.policies.ttl import loads
from perflab.cache.trace import Trace
from perflab.errors import UsageError

_BINS = 2_000  # of the hits' ages, for the quantile


@dataclass(frozen=True)
class Served:
    """What came of the requests judged: how many, the hits among them, and what is expected of those.

    `stale`: expected number of hits whose value has changed at its source since it was loaded. Each of them is stale by
    the time since the first such change: `mean_s` and `p95_s` are over all ways in which the changes can fall, the
    quantile to 1/2000 of the oldest. `oldest_s`: the age of the oldest answer served, which no staleness exceeds.
    """

    requests: int
    hits: int
    stale: float
    mean_s: float
    p95_s: float
    oldest_s: float

    @property
    def hit_ratio(self) -> float:
        """The share of requests that the cache answered."""
        return self.hits / self.requests

    @property
    def fresh_ratio(self) -> float:
        """The expected share of requests that the cache answered with what the source would have said."""
        return (self.hits - self.stale) / self.requests

    @property
    def stale_share(self) -> float:
        """The expected share of the hits that are stale."""
        return self.stale / self.hits if self.hits else 0.0


def served(trace: Trace, capacity: int, ttl_s: float, change_s: float, warm_up: int) -> Served:
    """Serve the trace from a TTL cache (LRU where it is full) and judge what comes after the first `warm_up` requests.

    Each object changes at its source by a Poisson process of its own, once in `change_s` on average; a load takes no
    time and shows what the source holds then. The hits are simulated one by one; the changes are not drawn but averaged
    over: a hit on a value loaded a ago is stale with 1 - exp(-a / change_s). One draw would leave the share to the few
    changes of the most popular objects. The warm-up fills the cache and is not counted. Raises UsageError without
    times, and without requests to judge.
    """
    if not 0 <= warm_up < trace.requests or not 0 < change_s < math.inf:
        raise UsageError(f"A warm-up of {warm_up} of {trace.requests} requests, changes every {change_s:g} s",
                         "requests left to judge, and a finite time above 0")  # fmt: skip
    loaded = loads(trace, capacity, ttl_s)[warm_up:]
    hit = loaded != np.arange(warm_up, trace.requests, dtype=np.int32)
    assert trace.times is not None  # `loads` has refused a trace without times
    age = trace.times[warm_up:][hit] - trace.times[loaded[hit]]
    oldest = float(age.max()) if age.size else 0.0
    stale = float(-np.expm1(-age / change_s).sum())
    if stale <= 0:
        return Served(hit.size, age.size, 0.0, 0.0, 0.0, oldest)
    missed_s = float((age + change_s * np.expm1(-age / change_s)).sum())
    return Served(hit.size, age.size, stale, max(missed_s, 0.0) / stale, _quantile(age, oldest, change_s, 0.95), oldest)


def _quantile(age: NDArray[np.float64], oldest: float, change_s: float, share: float) -> float:
    """Return what `share` of the stale hits are stale by, s.

    A hit of that age is stale by more than x with 1 - exp(-(age - x) / change_s): its change fell in the time before.
    """
    counts, edges = np.histogram(age, _BINS, (0.0, oldest))
    middles = (edges[:-1] + edges[1:]) / 2

    def beyond(x: float) -> float:
        return float(counts @ -np.expm1(-np.maximum(middles - x, 0.0) / change_s))

    low, high, wanted = 0.0, oldest, (1 - share) * beyond(0.0)
    while high - low > oldest / (4 * _BINS):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > wanted else (low, middle)
    return (low + high) / 2
