"""Where did a history of results change its level? A careful search, and a quick one that only proposes.

Two tiers, because one threshold cannot be both early and silent: `candidate` looks at the last points and is allowed
to be wrong (what it names is measured again, interleaved); `change_points` publishes the timeline and must not cry
wolf.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, level, series

P_VALUE = 0.001
SHORTEST = 4  # points in a segment
MAGNITUDE = 0.02  # of the median before
ROBUST_Z = 5.0
REFERENCE = 8  # fewest points that a candidate is held against
LAST = 4  # how many of the last points may carry a candidate
MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class ChangePoint:
    """A change of level: `index` is the first point of the new one; `before`, `after` are medians in the unit given."""

    index: int
    before: float
    after: float
    p_value: float

    @property
    def change(self) -> float:
        """after / before - 1, as a share; infinite when the level before was zero."""
        return _share(self.before, self.after)


@dataclass(frozen=True)
class Candidate:
    """A suspicion about the last points: worth a measurement, never a verdict. `z`: robust standard errors away."""

    index: int
    before: float
    after: float
    z: float

    @property
    def change(self) -> float:
        """after / before - 1, as a share; infinite when the level before was zero."""
        return _share(self.before, self.after)


def fewest_points(p_value: float = P_VALUE) -> int:
    """Return the fewest points whose arrangements are many enough for any split to reach `p_value`: 14 for 0.001."""
    level("p_value", p_value)
    n = 2
    while 2 / math.comb(n, n // 2) > p_value:
        n += 1
    return n


def change_points(
    x: ArrayLike,
    *,
    times: ArrayLike | None = None,
    p_value: float = P_VALUE,
    shortest: int = SHORTEST,
    magnitude: float = MAGNITUDE,
    seed: int = 7,
) -> tuple[ChangePoint, ...]:
    """Return the points at which the level of `x` changed, in order, by rank-CUSUM binary segmentation.

    `x`: (n,) finite, not constant, n >= `fewest_points(p_value)`, in time order; `times`: (n,) numbers that never
    fall, checked when given. `magnitude`: a change of the median smaller than this share of the median before is not
    reported. Raises StatisticError for NaN, a constant series, too few points, unsorted times.

    Null hypothesis of each test: all points of the segment come in exchangeable order. Statistic: the largest
    |sum of the first k centred ranks| / sqrt(k (n - k)) over all splits with at least `shortest` points on a side;
    its p-value comes from random permutations of the segment, so that choosing the best split is part of the null
    (a t-test at a split that was chosen by its size is not calibrated: 50 to 97 % of stationary series then show a
    change). A split that passes divides the segment; every point found is then placed and tested again between its
    neighbours, and dropped when it no longer passes. Ranks make single spikes harmless.
    Weakness: runs that depend on their neighbours (autocorrelation above about 0.5) are not exchangeable and raise
    false alarms; a change less than `shortest` points ago is not seen; two opposite changes close together may hide
    each other; tests at several splits are not corrected for (each is at `p_value`).
    Source: Pettitt 1979 (rank-based single change point), Vostrikova 1981 (binary segmentation), James and Matteson
    2015, section 2 (permutation test of the chosen split).
    """
    values = series("x", x, minimum=max(fewest_points(p_value), 2 * shortest), varied=True)
    if shortest < 1 or not magnitude >= 0:
        raise StatisticError(f"`shortest` is {shortest} and `magnitude` {magnitude!r}", "at least 1, and at least 0")
    if times is not None:
        _check_order(values, times)
    search = _Search(values, p_value, shortest, magnitude, seed)
    found = search.segment(0, values.size)
    for _ in range(3):  # placing one point moves the window of its neighbours; three rounds settle it
        placed = search.place(found)
        if placed == found:
            break
        found = placed
    return tuple(search.describe(found))


def candidate(x: ArrayLike, *, z: float = ROBUST_Z, last: int = LAST) -> Candidate | None:
    """Return a suspicion when the last 1 to `last` points stand more than `z` robust standard errors apart, else None.

    `x`: (n,) finite, not constant, n >= `REFERENCE` + 1, the present level only (cut at the last change point).
    For each m the mean of the last m points is held against the median of all earlier ones; the standard error is
    1.4826 MAD of the earlier ones times sqrt(1 / m). The largest of the m tests counts.
    Null hypothesis: the last points come from the distribution of the earlier ones. Weakness: not calibrated, one
    spike suffices, slow drift is missed; hence it may only propose what to measure again.
    Raises StatisticError for NaN, too few points, a reference without spread. Source: Iglewicz and Hoaglin 1993 (the
    modified z-score).
    """
    values = series("x", x, minimum=REFERENCE + 1, varied=True)
    best: Candidate | None = None
    for m in range(1, min(last, values.size - REFERENCE) + 1):
        before, tail = values[:-m], float(np.mean(values[-m:]))
        centre = float(np.median(before))
        spread = MAD_TO_SD * float(np.median(np.abs(before - centre)))
        if spread == 0:
            raise StatisticError("More than half of the earlier values of `x` are equal", "a robust spread above zero")
        score = (tail - centre) / spread * math.sqrt(m)
        if abs(score) > z and (best is None or abs(score) > abs(best.z)):
            best = Candidate(values.size - m, centre, tail, score)
    return best


def _check_order(values: FloatArray, times: ArrayLike) -> None:
    at = series("times", times)
    if at.size != values.size:
        raise StatisticError(f"`times` holds {at.size} values and `x` {values.size}", "each point needs its time")
    if bool((np.diff(at) < 0).any()):
        first = int(np.argmax(np.diff(at) < 0)) + 1
        raise StatisticError(f"`times` falls at point {first}", "a history must be in order of time", "Sort it first")


class _Search:
    """The search in one series: its values and what counts as a change."""

    def __init__(self, values: FloatArray, p_value: float, shortest: int, magnitude: float, seed: int) -> None:
        self.values, self.p_value, self.shortest = values, p_value, shortest
        self.magnitude, self.seed = magnitude, seed
        self.rounds = math.ceil(1 / p_value) - 1
        self.allowed = int(p_value * (self.rounds + 1) + 1e-9) - 1
        self._p: dict[int, float] = {}

    def segment(self, start: int, stop: int) -> list[int]:
        """Return the change points inside [start, stop) in order."""
        split = self.test(start, stop)
        if split is None:
            return []
        return [*self.segment(start, split), split, *self.segment(split, stop)]

    def test(self, start: int, stop: int, visible: bool = False) -> int | None:
        """Return the best split of a segment when it passes the test, else None; `visible` asks for the magnitude.

        On the way down the magnitude is not asked for: an up and a down on one side of a split cancel in its median.
        """
        from perflab.stats.rank_cusum import centred_ranks, largest_step, permutation_p, split_weights

        n = stop - start
        if n < 2 * self.shortest or 2 / math.comb(n, n // 2) > self.p_value:
            return None
        part = self.values[start:stop]
        ranks, weights = centred_ranks(part), split_weights(n)
        seen, k = largest_step(ranks, weights, self.shortest)
        if visible and abs(_share(float(np.median(part[:k])), float(np.median(part[k:])))) < self.magnitude:
            return None
        seed = self.seed * 1_000_003 + start * 1009 + n
        p = float(permutation_p(ranks, weights, self.shortest, seen, self.rounds, self.allowed, seed))
        self._p[start + k] = p
        return start + int(k) if p <= self.p_value else None

    def place(self, found: list[int]) -> list[int]:
        """Place every change point again between its neighbours, and drop those that no longer pass."""
        edges = [0, *found, self.values.size]
        moved = [self.test(edges[i], edges[i + 2], visible=True) for i in range(len(found))]
        return sorted({split for split in moved if split is not None})

    def describe(self, found: list[int]) -> list[ChangePoint]:
        """Return change points with the medians of the segments on their two sides."""
        parts = np.split(self.values, found)
        levels = [float(np.median(part)) for part in parts]
        return [ChangePoint(at, levels[i], levels[i + 1], self._p[at]) for i, at in enumerate(found)]


def _share(before: float, after: float) -> float:
    if before == 0:
        return 0.0 if after == 0 else math.copysign(math.inf, after)
    return (after - before) / abs(before)
