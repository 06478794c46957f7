"""Rising rates of open arrivals: asked until one does not hold, and the knee below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from perflab.stats.interval import Interval
from perflab.stats.latency import NOT_NEGATIVE, sectioned_mean

PARTS = 20


class Asked(Protocol):
    """A rung that was asked: one rate, and whether what it met is within the limits."""

    @property
    def held(self) -> bool:
        """Whether it holds."""


Rung = TypeVar("Rung", bound=Asked)


def climbed(rates: Iterable[int], ask: Callable[[int], Rung], again: Callable[[Rung], bool] = lambda _: False
            ) -> tuple[Rung, ...]:  # fmt: skip
    """Ask one rate after the other until one does not hold; what `again` says of a rung is asked once more.

    Both answers are returned, the second after the first, and the second decides whether the climb goes on.
    """
    rungs: list[Rung] = []
    for rate in rates:
        rungs.append(ask(rate))
        if again(rungs[-1]):
            rungs.append(ask(rate))
        if not rungs[-1].held:
            break
    return tuple(rungs)


def knee_of(rungs: Sequence[Rung]) -> tuple[Rung | None, Rung | None]:
    """Return the highest rung that held below the first that did not, and that one; None where there is none.

    `rungs` by rising rate. A rung that holds above one that did not is luck, not capacity. Weakness: the true knee
    lies anywhere between the two.
    """
    held = None
    for rung in rungs:
        if not rung.held:
            return held, rung
        held = rung
    return held, None


def answered_per_min(ended_s: np.ndarray, seconds: float, parts: int = PARTS) -> Interval | None:
    """Return the answers a minute from when each ended (s, float64), bounded from equal parts; None when all are alike.

    Parts and not single answers, because answers of one queue are not independent. Weakness: a part shorter than the
    memory of the queue makes the bounds too narrow.
    """
    edges = np.linspace(0, seconds, parts + 1)
    per_min = 60.0 * np.histogram(ended_s, edges)[0] / np.diff(edges)
    return sectioned_mean(per_min, within=NOT_NEGATIVE) if np.ptp(per_min) else None


def rounded_quantile(values: np.ndarray, q: float) -> float | None:
    """Return a quantile for a table's cell, two decimals; None without values."""
    return round(float(np.quantile(values, q)), 2) if values.size else None
