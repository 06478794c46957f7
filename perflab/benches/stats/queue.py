"""A queue whose response time distribution is known: M/M/1, first come first served (material)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np


def responses(n: int, load: float, seed: int) -> np.ndarray:
    """Return `n` successive response times of an M/M/1 queue with service rate 1, from its stationary state on.

    They are dependent, and each is exponential with rate 1 - `load`: truth for every quantile.
    Source: Lindley 1952; Asmussen, Applied Probability and Queues, section III.
    """
    found: np.ndarray = _simulate()(n, load, seed)
    return found


def true_quantile(q: float, load: float) -> float:
    """Return the quantile of the response time in the stationary queue."""
    return -math.log(1.0 - q) / (1.0 - load)


@lru_cache(maxsize=1)
def _simulate() -> Callable[..., Any]:
    from perflab.jit import njit

    compiled: Callable[..., Any] = njit(cache=True)(_lindley)
    return compiled


def _lindley(n: int, load: float, seed: int) -> np.ndarray:
    np.random.seed(seed)
    out = np.empty(n)
    wait = 0.0
    if np.random.random() < load:  # the stationary waiting time: nothing, or exponential
        wait = np.random.exponential(1.0 / (1.0 - load))
    for i in range(n):
        service = np.random.exponential(1.0)
        out[i] = wait + service
        wait = max(0.0, wait + service - np.random.exponential(1.0 / load))
    return out
