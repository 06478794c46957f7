"""How often was this object asked for lately? A sketch of four rows of small counters that all objects share.

    increment(x):  add 1 to x's counter in each row (15 at most);  after `period` increments halve all counters
    estimate(x):   the smallest of x's four counters

It never reads too low between two halvings (up to 15) and too high only by what collides in all four rows.
Sources: Cormode and Muthukrishnan, An Improved Data Stream Summary (2005), the count-min sketch; Einziger, Friedman,
Manes, TinyLFU (2017), counters of 4 bits that age by halving.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.jit import njit

ROWS, MOST = 4, 15
BITS = 14  # apart: rows read bits of their own up to a width of 2^14, and overlap in part up to 2^22


@njit(cache=True, nogil=True)
def mixed(x: Any) -> Any:
    """Return 64 well mixed bits of a number (the finaliser of splitmix64, Steele et al., 2014)."""
    h = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@njit(cache=True, nogil=True)
def increment(counters: Any, x: Any) -> Any:
    """Count x; `counters`: uint8 [4, width], width a power of two of at most 2^22. Return 1 if any rose."""
    h, rose = mixed(x), 0
    mask = np.uint64(counters.shape[1] - 1)
    for row in range(ROWS):
        at = np.int64((h >> np.uint64(BITS * row)) & mask)
        if counters[row, at] < MOST:
            counters[row, at] += 1
            rose = 1
    return rose


@njit(cache=True, nogil=True)
def estimate(counters: Any, x: Any) -> Any:
    """Return x's smallest counter."""
    h, least = mixed(x), np.int64(MOST)
    mask = np.uint64(counters.shape[1] - 1)
    for row in range(ROWS):
        least = min(least, np.int64(counters[row, np.int64((h >> np.uint64(BITS * row)) & mask)]))
    return least


@njit(cache=True, nogil=True)
def halve(counters: Any) -> None:
    """Halve every counter: what was popular long ago fades."""
    for row in range(ROWS):
        for at in range(counters.shape[1]):
            counters[row, at] >>= 1
