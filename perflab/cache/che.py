"""Che's approximation: LRU's hit ratio from the objects' popularity alone, without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perflab.cache.trace import check_capacity
from perflab.errors import UsageError


def che_hit_ratio(popularity: NDArray[np.float64], capacity: int, requests: int | None = None) -> float:
    """Return the hit ratio of an LRU cache of `capacity` objects under independent requests, in the long run.

    An object stays for about the same time T after its last request, whichever it is: T solves
    sum(1 - exp(-p T)) = capacity, and object i hits with 1 - exp(-p_i T). `popularity`: [objects], summing to 1.
    With `requests`: the mean over that many from an empty cache, the n-th hitting with 1 - exp(-p_i min(n, T)), as
    nothing leaves before T; a simulation from an empty cache is to be held against this one, first requests included.
    Example: Zipf 1.0 over 1 M objects, 10,000 inside: 0.58514 against 0.58516 in 8 M requests after 2 M. It applies
    to independent requests and a cache of at least some tens of objects; where requests for an object come in bursts
    it is too low without warning, and without `requests` too high for a cache that has just started.
    Sources: Che, Tung, Wang, Hierarchical Web Caching Systems (2002); Fricker, Robert, Roberts (2012) for why.
    """
    p = checked_popularity(popularity)
    if requests is not None and requests < 1:
        raise UsageError(f"A hit ratio over {requests} requests", "at least 1")
    fits = check_capacity(capacity, "objects") >= p.size
    t = math.inf if fits else rising_root(lambda t: _inside(p, t), float(capacity), 2.0 * capacity)
    long_run = -np.expm1(-p * t)
    if requests is None:
        return 1.0 if fits else float(p @ long_run)
    filling = min(t, float(requests))  # the sum over n of 1 - exp(-p n) up to there is the integral, to 1 in n
    while_filling = filling + np.expm1(-p * filling) / p
    return float(p @ (while_filling + (requests - filling) * long_run)) / requests


def che_capacity(popularity: NDArray[np.float64], hit_ratio: float) -> int:
    """Return the objects that an LRU cache must hold for a hit ratio above 0 and below 1; see `che_hit_ratio`."""
    p = checked_popularity(popularity)
    t = rising_root(lambda t: float(p @ -np.expm1(-p * t)), _checked_ratio(hit_ratio), float(p.size))
    return min(p.size, math.ceil(_inside(p, t)))


def ideal_capacity(popularity: NDArray[np.float64], hit_ratio: float) -> int:
    """Return the fewest objects whose requests are that share of all: what a cache that knew them would hold."""
    ranked = np.cumsum(np.sort(checked_popularity(popularity))[::-1])
    return min(ranked.size, int(np.searchsorted(ranked, _checked_ratio(hit_ratio))) + 1)


def checked_popularity(popularity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the popularity without objects nobody asks for; raises UsageError unless it is one: >= 0, sum 1."""
    p = np.asarray(popularity, np.float64)
    if p.ndim != 1 or not p.size or not np.isfinite(p).all() or p.min() < 0 or abs(p.sum() - 1) > 1e-6:
        raise UsageError(
            f"A popularity of shape {p.shape} with the sum {p.sum():g}", "shares of at least 0 that sum to 1"
        )
    return p[p > 0]


def _checked_ratio(hit_ratio: float) -> float:
    if not 0 < hit_ratio < 1:
        raise UsageError(f"A hit ratio of {hit_ratio:g}", "a share above 0 and below 1")
    return hit_ratio


def _inside(p: NDArray[np.float64], t: float) -> float:
    return float(-np.expm1(-p * t).sum())


def rising_root(rising: Callable[[float], float], wanted: float, start: float) -> float:
    """Return t > 0 with rising(t) = wanted: a bracket by factors of 8 from `start`, then Brent's method on log t.

    `rising` must grow from below `wanted` to above it between 1e-300 and 1e300; no check is made.
    """
    from scipy.optimize import brentq  # imported late

    low = high = start
    while rising(high) < wanted and high < 1e300:
        low, high = high, 8 * high
    while rising(low) > wanted and low > 1e-300:
        low, high = low / 8, low
    if low == high:
        return low
    return math.exp(brentq(lambda u: rising(math.exp(u)) - wanted, math.log(low), math.log(high), xtol=1e-10))
