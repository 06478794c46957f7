"""Time to live in closed form: what it hits and how stale its answers are, for Poisson arrivals and changes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perflab.cache.che import rising_root
from perflab.cache.trace import check_capacity
from perflab.errors import UsageError

_SMALL = 1e-3  # below it the differences of nearly equal numbers are taken from their series


def timed_hit_ratios(rates: NDArray[np.float64], ttl_s: float) -> NDArray[np.float64]:
    """Return the hit ratio of each object whose time to live is set when it enters and not renewed by hits.

    A miss is followed by rate * T hits on average, so the ratio is rate * T / (1 + rate * T); this is also the share
    of time that the object is inside. `rates`: requests/s of each object, float64 [objects], at least 0. It is exact
    for Poisson arrivals and a cache that holds all unexpired objects. Bound: of any arrivals, a smaller cache misses
    at least as many, because each miss covers at most T seconds of an object's requests, and to begin such a stretch
    at the first request that is not covered takes the fewest. Weakness: with bursts an object hits more than this.
    Source: Fofack, Nain, Neglia, Towsley, Analysis of TTL-based cache networks (2012).
    """
    mean = _checked_rates(rates) * _positive(ttl_s, "A time to live")
    return mean / (1 + mean)


def fills_at(rates: NDArray[np.float64], capacity: int) -> float:
    """Return the time to live (s) whose unexpired objects fill a cache of `capacity` on average; infinite for none.

    From there on the size decides what leaves, and `timed_hit_ratios` is an upper bound and no longer the value.
    """
    asked = _checked_rates(rates)
    asked = asked[asked > 0]
    if check_capacity(capacity, "objects") >= asked.size:
        return math.inf
    return rising_root(lambda t: float((asked * t / (1 + asked * t)).sum()), float(capacity), 1 / float(asked.mean()))


def stale_share(ttl_s: float, change_s: float) -> float:
    """Return which share of hits show a value that has changed at its source since it was loaded, 0 to 1.

    Hits lie evenly over an object's `ttl_s` (Poisson arrivals), a change comes after `change_s` on average (Poisson
    too): 1 - (1 - exp(-x)) / x with x = ttl_s / change_s, whatever the popularity. Bound: a cache that must evict shows
    at most this, because what is inside for a shorter time is asked for at younger ages.
    """
    x = _positive(ttl_s, "A time to live") / _positive(change_s, "A mean time between changes")
    return _unseen(x) / x


def stale_ages(ttl_s: float, change_s: float, share: float = 0.95) -> tuple[float, float]:
    """Return mean and quantile `share` of how long ago the source of a stale hit changed for the first time, s.

    A hit at age a of its value is stale by a - u for a first change at u, so P(age > s) is g(T - s) / g(T) with
    g(y) = y - (1 - exp(-y)), times in units of `change_s`. Where changes are rare these are T / 3 and
    T * (1 - sqrt(1 - share)). No stale hit is older than `ttl_s`. Exact under the same conditions as `stale_share`.
    """
    if not 0 < share < 1:
        raise UsageError(f"A share of {share:g}", "above 0 and below 1")
    x = _positive(ttl_s, "A time to live") / _positive(change_s, "A mean time between changes")
    left = rising_root(_unseen, (1 - share) * _unseen(x), x)
    mean = (x**3 / 6 - x**4 / 24 if x < _SMALL else x * x / 2 - _unseen(x)) / _unseen(x)
    return mean * change_s, (x - left) * change_s


def _unseen(y: float) -> float:
    """Return y - (1 - exp(-y)): for how long, of y, a change has been there and was not seen."""
    return y * y / 2 - y**3 / 6 + y**4 / 24 if y < _SMALL else y + math.expm1(-y)


def _positive(value: float, what: str) -> float:
    if not 0 < value < math.inf:
        raise UsageError(f"{what} of {value:g} s", "a finite number of seconds above 0")
    return value


def _checked_rates(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.asarray(rates, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all() or not found.size or found.min() < 0 or not found.any():
        raise UsageError(f"Rates of shape {found.shape}", "finite requests/s of at least 0, one of them above 0")
    return found
