"""The difference of two profiles in cost per unit of work, with intervals that hold for all functions together.

A percentage cannot be compared between two profiles: a function that got cheaper makes every other one look dearer.
Here each function is given its cost: share of the samples x CPU time per unit of work. Length and rate of a capture
cancel in the share, so that captures of unlike length and rate may be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError
from perflab.stats.dispersion import Dispersion, moderated_dispersion
from perflab.stats.inputs import FloatArray, level, pair
from perflab.stats.interval import Interval

DRAWS = 20_000
MOST_LOG = 3.0  # a factor of 20: two pairs have tails without end
ASSUMED_NOISE = 0.03  # run-to-run deviation of CPU per unit, where a single pair cannot show it


@dataclass(frozen=True)
class CostDifference:
    """Cost per unit of F functions in two arms, in the unit of the costs given, each array (F,).

    `low`, `high` bound `difference` (candidate - baseline), all together at `confidence`. `changed`: which intervals
    exclude zero. `total`: the difference of the whole cost, alone at `confidence`. `assumed_noise`: the share that
    was assumed for run-to-run noise, 0 where it was measured.
    """

    baseline: FloatArray
    candidate: FloatArray
    difference: FloatArray
    low: FloatArray
    high: FloatArray
    changed: NDArray[np.bool_]
    total: Interval
    dispersion: FloatArray
    confidence: float
    assumed_noise: float


def difference_per_unit(
    baseline_counts: ArrayLike, candidate_counts: ArrayLike, baseline_cost: ArrayLike, candidate_cost: ArrayLike, *,
    confidence: float = 0.95, draws: int = DRAWS, seed: int = 7, assumed_noise: float = ASSUMED_NOISE,
) -> CostDifference:  # fmt: skip
    """Compare two arms function by function by a bootstrap on two levels.

    `*_counts`: samples, (captures, F), the same functions in the same order, one of them "everything else", so that
    a row holds all samples of its capture. `*_cost`: CPU time per unit of work, (n,), value i of each arm from pair i.
    Procedure, per draw: 1. runs: the two mean costs are drawn from the bivariate t of the logarithms of their n pairs
    (n = 1: a normal with `assumed_noise`); 2. samples: each share is drawn from Beta(k / f + 1/2, (N - k) / f + 1/2),
    where f, the scatter of counts from capture to capture over the multinomial's, is itself drawn from the scaled
    inverse chi-square that its degrees of freedom allow; 3. difference = share x cost, candidate - baseline. The
    intervals are the order statistics of the draws at the one depth at which `confidence` of all draws lie inside all.
    Why so: resampling three pairs themselves gives ten distinct results and intervals that are far too narrow, and
    resampling samples below pairs counts the sampling error twice. Two parts of the noise are told apart because they
    come from unlike sources: the cost has no sampling error, and the share does not feel a slow machine.
    Null hypothesis of each function: its cost per unit is the same in both arms; all together at `confidence`.
    Weakness: with one capture for each arm (`captures` = 1) changes of a share from run to run are not covered.
    Raises StatisticError for empty captures, unequal functions, costs that are not above zero.
    Source: Mandel and Betensky 2008 (simultaneous percentile intervals); Brown, Cai and DasGupta 2001 (the 1/2).
    """
    arms = [_counts("baseline_counts", baseline_counts), _counts("candidate_counts", candidate_counts)]
    if arms[0].shape[1] != arms[1].shape[1]:
        raise StatisticError(f"The arms hold {arms[0].shape[1]} and {arms[1].shape[1]} functions",
                             "both must hold the same, in the same order")  # fmt: skip
    costs = np.vstack(pair("baseline_cost", baseline_cost, "candidate_cost", candidate_cost, positive=True))
    level("confidence", confidence)
    rng = np.random.default_rng(seed)
    noise = assumed_noise if costs.shape[1] == 1 else 0.0
    drawn_cost = _draw_costs(costs, noise, draws, rng)
    drawn_share = [_draw_shares(counts.sum(axis=0), factor, rng)
                   for counts, factor in zip(arms, _factors(arms, draws, rng), strict=True)]  # fmt: skip
    drawn = drawn_share[1] * drawn_cost[1][:, None] - drawn_share[0] * drawn_cost[0][:, None]
    low, high = simultaneous_bounds(drawn, confidence)
    before, after = (counts.sum(axis=0) / counts.sum() * cost.mean() for counts, cost in zip(arms, costs, strict=True))
    return CostDifference(
        before, after, after - before, low, high, (low > 0) | (high < 0),
        _total(costs, drawn_cost[1] - drawn_cost[0], confidence), moderated_dispersion(arms).factor, confidence, noise,
    )  # fmt: skip


def simultaneous_bounds(drawn: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return bounds (F,) between which `confidence` of the draws, (draws, F), lie in all columns at once.

    Each draw is as deep as its most extreme rank in any column; the bounds are each column's order statistics at the
    depth that the wished share of draws reaches, so that no column is favoured and skewness is kept.
    """
    count = drawn.shape[0]
    order = np.sort(drawn, axis=0)
    ranks = np.empty(drawn.shape, dtype=np.int32)
    np.put_along_axis(ranks, np.argsort(drawn, axis=0), np.arange(1, count + 1, dtype=np.int32)[:, None], axis=0)
    extreme = np.maximum(ranks, count + 1 - ranks).max(axis=1)
    depth = int(np.quantile(extreme, confidence, method="higher"))
    return order[count - depth], order[depth - 1]


def share_error(share: FloatArray, samples: float) -> FloatArray:
    """Return the standard error of shares among `samples`, by the binomial with one sample added to either side.

    For frames of a flame graph, which overlap: chance within a capture alone, no noise from run to run.
    """
    guarded: FloatArray = (share * samples + 1.0) / (samples + 2.0)
    error: FloatArray = np.sqrt(guarded * (1.0 - guarded) / (samples + 2.0))
    return error


def _counts(name: str, values: ArrayLike) -> FloatArray:
    counts = np.asarray(values, dtype=np.float64)
    if counts.ndim != 2 or 0 in counts.shape:
        raise StatisticError(f"`{name}` has the shape {counts.shape}", "it must be (captures, functions), not empty")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise StatisticError(f"`{name}` holds negative or infinite counts", "all must be counts of samples")
    if (counts.sum(axis=1) == 0).any():
        raise StatisticError(f"`{name}` holds a capture without samples", "each needs some", "Leave the pair out")
    return counts


def _draw_costs(costs: FloatArray, noise: float, draws: int, rng: np.random.Generator) -> FloatArray:
    """Return (2, draws) mean costs of the arms: bivariate t of the logarithms over the pairs, or normal for one pair.

    Logarithms, because what moves both arms of a pair (a slow machine, heavy units) multiplies both: it widens an
    interval, but cannot move it across zero.
    """
    mean, n = costs.mean(axis=1), costs.shape[1]
    normal = rng.standard_normal((2, draws))
    if n == 1:
        step = noise * normal
    else:
        step = (_root(np.cov(np.log(costs)) / n) @ normal) * np.sqrt((n - 1) / rng.chisquare(n - 1, draws))
    moved: FloatArray = mean[:, None] * np.exp(np.clip(step, -MOST_LOG, MOST_LOG))
    return moved


def _root(covariance: FloatArray) -> FloatArray:
    """Return the lower triangle whose square is a covariance of two, also of rank 1: two pairs have no more."""
    first = math.sqrt(covariance[0, 0])
    shared = covariance[0, 1] / first if first > 0 else 0.0
    return np.array([[first, 0.0], [shared, math.sqrt(max(covariance[1, 1] - shared**2, 0.0))]])


def _factors(arms: list[FloatArray], draws: int, rng: np.random.Generator) -> list[FloatArray]:
    """Return one (draws, F) array for each arm of scatter factors, the same draw in both: one factor, two arms."""
    found: Dispersion = moderated_dispersion(arms)
    known = np.where(found.df < 1e5, found.df, 1e5)
    factor = found.factor * known / rng.chisquare(known, (draws, known.size))
    return [factor, factor]


def _draw_shares(counts: FloatArray, factor: FloatArray, rng: np.random.Generator) -> FloatArray:
    total = counts.sum()
    drawn: FloatArray = rng.beta(counts / factor + 0.5, (total - counts) / factor + 0.5)
    return drawn


def _total(costs: FloatArray, drawn: FloatArray, confidence: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    value = float(costs[1].mean() - costs[0].mean())
    return Interval(value, float(low), float(high), confidence, costs.shape[1], "bootstrap over pairs")
