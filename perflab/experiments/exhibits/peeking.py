"""Peeking: testing after every pair and stopping at p < 0.05 finds differences that are not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.exhibits.noise_model import pair_noise
from perflab.stats.operating import hodges_lehmann_rows
from perflab.stats.stopping import FIRST as FIRST_LOOK
from perflab.stats.stopping import StopRule

FIRST, MOST, HALF_WIDTH = 5, 100, 0.01


@dataclass(frozen=True)
class Peeking:
    """Share of null studies that had claimed a difference after n pairs, by the rule of stopping."""

    pairs: np.ndarray
    by_peeking: np.ndarray
    by_precision: np.ndarray
    studies: int
    median_pairs: float

    def rows(self) -> list[dict[str, Any]]:
        """Return the two curves for a figure."""
        curves = {"stop when p < 0.05": self.by_peeking, "stop when precise": self.by_precision}
        return [{"n": int(n), "design": name, "share": 100 * float(v)}
                for name, curve in curves.items() for n, v in zip(self.pairs, curve, strict=True)]  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        return (
            f"Of {self.studies:,} studies of identical arms, {100 * self.by_peeking[-1]:.0f} % are stopped by p < 0.05 "
            f"within {MOST} pairs when one looks after every pair, {100 * self.by_precision[-1]:.1f} % claim a "
            f"difference when the same pairs are measured until the interval is narrow enough "
            f"({self.median_pairs:.0f} pairs in the median)."
        )


def peek(seed: int, studies: int = 1000) -> Peeking:
    """Simulate studies without any effect and stop each of them by both rules, on the same pairs.

    Wrong: a t-test after every pair from the fifth on, stop at the first p < 0.05. Right: the Hodges-Lehmann
    interval, looked at from 15 pairs on and at every 1.25 times as many, until its half-width is 1 %; the claim is
    made once, at that moment.
    """
    steps = pair_noise(np.random.default_rng(seed), studies, MOST)
    pairs = np.arange(FIRST, MOST + 1)
    claimed = np.maximum.accumulate(np.abs(_t_values(steps)[:, FIRST - 1 :]) > _critical(pairs), axis=1)
    stop, differs = precision_stop(steps)
    by_precision = [float((differs & (stop <= n)).mean()) for n in pairs]
    return Peeking(pairs, claimed.mean(axis=0), np.array(by_precision), studies, float(np.median(stop)))


def precision_stop(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each study the number of pairs at which it stopped and whether its interval then excluded zero."""
    studies, most = steps.shape
    stop, differs, running = np.full(studies, most), np.zeros(studies, bool), np.ones(studies, bool)
    for n in _looks(most):
        found = hodges_lehmann_rows(steps[:, :n])
        ends = running & ((found.high - found.low <= 2 * HALF_WIDTH) | (n == most))
        stop[ends], differs[ends] = n, ((found.low > 0) | (found.high < 0))[ends]
        running &= ~ends
    return stop, differs


def _looks(most: int) -> list[int]:
    """Return when the product's own rule looks, up to `most` pairs."""
    rule = StopRule(HALF_WIDTH, first=min(FIRST_LOOK, most), most=most)
    looks = [rule.next_look(0)]
    while looks[-1] < most:
        looks.append(rule.next_look(looks[-1]))
    return looks


def _t_values(steps: np.ndarray) -> np.ndarray:
    """Return the t statistic of the first n pairs for every n: (studies, pairs); 0 for n = 1."""
    n = np.arange(1, steps.shape[1] + 1)
    mean = np.cumsum(steps, axis=1) / n
    variance = (np.cumsum(steps**2, axis=1) - n * mean**2) / np.maximum(n - 1, 1)
    return np.asarray(mean / np.sqrt(np.maximum(variance, 1e-30) / n)) * (n > 1)


def _critical(n: np.ndarray) -> np.ndarray:
    from scipy.stats import t

    return np.asarray(t.ppf(0.975, n - 1))
