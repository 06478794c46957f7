"""Traces made to order: popularity by Zipf's law, and scans; the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.cache.trace import MOST_REQUESTS, Trace, dense_trace
from perflab.errors import UsageError
from perflab.jit import njit


def zipf_popularity(objects: int, alpha: float) -> NDArray[np.float64]:
    """Return the share of requests per rank, float64 [objects], rank k in proportion to k^-alpha.

    `alpha`: 0 (all alike) to 5; web and key-value traces mostly lie between 0.6 and 1.2 (Breslau et al., Web Caching
    and Zipf-like Distributions, 1999; Yang et al., OSDI 2020). Raises UsageError outside.
    """
    if not 1 <= objects <= MOST_REQUESTS or not 0 <= alpha <= 5:
        raise UsageError(f"Zipf's law with {objects} objects and a skew of {alpha:g}",
                         f"1 to {MOST_REQUESTS:,} objects and a skew of 0 to 5")  # fmt: skip
    weights: NDArray[np.float64] = np.arange(1, objects + 1, dtype=np.float64) ** -alpha
    weights /= weights.sum()
    return weights


def zipf_trace(requests: int, objects: int, alpha: float, *, seed: int, name: str = "") -> Trace:
    """Return independent requests by Zipf's law; which object has which rank is drawn too.

    Neighbours in popularity are then no neighbours in memory, as they are not in life: otherwise a simulation on
    arrays looks faster than it is. Weakness: real traces have more repeats at short distance (temporal locality).
    """
    return popularity_trace(name or f"zipf {alpha:g}", requests, zipf_popularity(objects, alpha), seed=seed)


def popularity_trace(name: str, requests: int, popularity: NDArray[np.float64], *, seed: int) -> Trace:
    """Return independent requests of the given popularity, [objects], by Walker's alias method (Vose, 1991)."""
    if not 1 <= requests <= MOST_REQUESTS:
        raise UsageError(f"A trace of {requests} requests", f"1 to {MOST_REQUESTS:,}")
    rng = np.random.default_rng(seed)
    renamed = rng.permutation(popularity.size).astype(np.int32)
    keep, other = _alias_table(popularity * popularity.size)
    ids = _drawn(rng.random(requests), keep, other, renamed)
    return dense_trace(name, ids, int(popularity.size))


def with_arrivals(base: Trace, per_s: float, *, seed: int) -> Trace:
    """Return `base` with times from 0 on: a Poisson process of `per_s` requests/s (above 0, at most 10^9).

    Independent requests at such times are, for each object, a Poisson process of its own share of the rate.
    """
    if not 0 < per_s <= 1e9:
        raise UsageError(f"Arrivals of {per_s:g} requests/s", "a rate above 0 and of at most 10^9")
    gaps = np.random.default_rng(seed).exponential(1 / per_s, base.requests)
    return Trace(base.name, base.ids, base.objects, base.sizes, np.cumsum(gaps), base.skipped)


def scan_trace(requests: int, objects: int, *, name: str = "scan") -> Trace:
    """Return the objects one after another, over and over: the worst that LRU and FIFO can meet."""
    if not 1 <= requests <= MOST_REQUESTS or not 1 <= objects <= MOST_REQUESTS:
        raise UsageError(f"A scan of {requests} requests over {objects} objects", "at least 1 of each")
    return dense_trace(name, np.arange(requests, dtype=np.int64) % objects, objects)


def scanned_trace(base: Trace, every: int, length: int) -> Trace:
    """Return `base` with a scan of `length` objects that nobody asks for again after every `every` requests.

    That is what a nightly export or a crawler does to a cache. Sizes and times of `base` are not kept.
    """
    if every < 1 or length < 1 or base.requests + base.requests // every * length > MOST_REQUESTS:
        raise UsageError(f"A scan of {length} objects after every {every} requests", "at least 1 of each, and at most "
                         f"{MOST_REQUESTS:,} requests in all")  # fmt: skip
    parts, fresh = [], base.objects
    for start in range(0, base.requests, every):
        parts.append(base.ids[start : start + every])
        if start + every <= base.requests:
            parts.append(np.arange(fresh, fresh + length, dtype=np.int32))
            fresh += length
    return dense_trace(f"{base.name} with scans", np.concatenate(parts), fresh)


@njit(cache=True, nogil=True)
def _alias_table(scaled: Any) -> Any:
    """Return for each column of height 1 how much of it is its own and which object has the rest."""
    keep, other = np.ones(scaled.size), np.arange(scaled.size).astype(np.int32)
    poor, rich = np.empty(scaled.size, np.int32), np.empty(scaled.size, np.int32)
    poors, riches = 0, 0
    for i in range(scaled.size):
        if scaled[i] < 1:
            poor[poors] = i
            poors += 1
        else:
            rich[riches] = i
            riches += 1
    left = scaled.copy()
    while poors > 0 and riches > 0:
        poors -= 1
        low, high = poor[poors], rich[riches - 1]
        keep[low], other[low] = left[low], high
        left[high] -= 1 - left[low]
        if left[high] < 1:
            riches -= 1
            poor[poors] = high
            poors += 1
    return keep, other


@njit(cache=True, nogil=True)
def _drawn(uniform: Any, keep: Any, other: Any, renamed: Any) -> Any:
    ids = np.empty(uniform.size, np.int32)
    for t in range(uniform.size):
        place = uniform[t] * keep.size
        column = min(np.int64(place), keep.size - 1)
        ids[t] = renamed[column if place - column < keep[column] else other[column]]
    return ids
