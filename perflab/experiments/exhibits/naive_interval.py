"""Naive intervals: requests of one run wait behind each other, so thousands of them say no more than dozens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_interval, sectioned_quantile

SERVICE_MS, LOAD, QUANTILE = 10.0, 0.8, 0.99
REQUESTS, RUNS = 60_000, 60


@dataclass(frozen=True)
class NaiveInterval:
    """Intervals of the p99 of many simulated runs of one queue, by both methods, and the true p99 in ms."""

    naive: tuple[Interval, ...]
    sectioned: tuple[Interval, ...]
    truth_ms: float

    def held(self, which: str) -> int:
        """Return how many intervals of `naive` or `sectioned` hold the truth."""
        return sum(not interval.excludes(self.truth_ms) for interval in getattr(self, which))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per interval for a figure."""
        methods = {"as if requests were independent": self.naive, "sectioning": self.sectioned}
        return [{"method": name, "run": k, "value": i.value, "low": i.low, "high": i.high}
                for name, found in methods.items() for k, i in enumerate(found)]  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        n = len(self.naive)
        return (
            f"Of {n} runs of {REQUESTS:,} requests, {self.held('naive')} nominal 95 % intervals made as if requests "
            f"were independent hold the true p99 of {self.truth_ms:.0f} ms; sectioning, on the same requests, "
            f"{self.held('sectioned')}; decide on several runs all the same."
        )


def cover(seed: int, runs: int = RUNS) -> NaiveInterval:
    """Simulate runs of an M/M/1 queue at 80 % load and bound the p99 of each by both methods.

    The response time of M/M/1 is exponential with mean service / (1 - load), so the truth is known in closed form.
    """
    chance = np.random.default_rng(seed)
    times = [response_ms(chance) for _ in range(runs)]
    truth = -math.log(1 - QUANTILE) * SERVICE_MS / (1 - LOAD)
    return NaiveInterval(_each(order_statistic_interval, times), _each(sectioned_quantile, times), truth)


def _each(method: Callable[[np.ndarray, float], Interval], times: list[np.ndarray]) -> tuple[Interval, ...]:
    return tuple(method(x, QUANTILE) for x in times)


def response_ms(chance: np.random.Generator, requests: int = REQUESTS) -> np.ndarray:
    """Return the response times of one stationary run: waiting by Lindley's recursion, plus service.

    The recursion W' = max(0, W + S - A) is a random walk less its running minimum, so no loop is needed; the first
    wait is drawn from the stationary law (0 with probability 1 - load, else exponential).
    """
    service = chance.exponential(SERVICE_MS, requests)
    gaps = chance.exponential(SERVICE_MS / LOAD, requests)
    first = chance.exponential(SERVICE_MS / (1 - LOAD)) * (chance.random() < LOAD)
    walk = first + np.concatenate(([0.0], np.cumsum(service[:-1] - gaps[1:])))
    waits = walk - np.minimum(np.minimum.accumulate(walk), 0.0)
    return np.asarray(waits + service)
