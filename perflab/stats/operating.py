"""How the verdicts behave on a given noise: false alarms, power, coverage, over thousands of comparisons at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, series
from perflab.stats.proportion import clopper_pearson
from perflab.stats.signed_rank import critical_rank, fewest_pairs

EQUIVALENCE = 0.90  # confidence of the two one-sided tests, as in `compare_paired`
POWER = 0.80
MOST_VALUES = 4_000_000  # Walsh averages held at once: 32 MB


@dataclass(frozen=True)
class Rate:
    """`events` of `n`, with the exact 95 % interval of the rate."""

    events: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Events over n."""
        return self.events / self.n


@dataclass(frozen=True)
class Operating:
    """What comparisons of `pairs` pairs each did under one true `effect` (a share: 0.02 = 2 % more).

    `differs`: the interval excludes zero. `found`: it does so on the side of the true effect (none at effect 0).
    `claims`: the verdict was better or worse, that is, beyond what counts as trivial. `covers`: the interval holds
    the truth.
    """

    effect: float
    pairs: int
    differs: Rate
    found: Rate
    claims: Rate
    covers: Rate


@dataclass(frozen=True)
class Bounds:
    """Hodges-Lehmann estimates and intervals of many comparisons: arrays of shape (comparisons,), log-ratios."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    tost_low: FloatArray
    tost_high: FloatArray


def hodges_lehmann_rows(log_ratios: FloatArray, confidence: float = 0.95) -> Bounds:
    """Return what `hodges_lehmann` returns for each row of `log_ratios`: (comparisons, pairs), finite.

    The same Walsh averages and the same exact ranks, for all rows in one sort: about 10 us a row of 15 pairs. A row
    whose values are all equal gives an interval of no width here, where the function for one row refuses it.
    Raises StatisticError for fewer pairs than a two-sided interval needs. Weakness and source: `hodges_lehmann`.
    """
    rows, n = log_ratios.shape
    if n < fewest_pairs(confidence):
        raise StatisticError(
            f"Comparisons of {n} pairs", f"a {confidence:.0%} interval needs {fewest_pairs(confidence)}"
        )
    size = n * (n + 1) // 2
    wide, narrow = critical_rank(n, confidence), critical_rank(n, EQUIVALENCE)
    step = max(1, MOST_VALUES // size)
    out = np.empty((rows, 5))
    i, j = np.triu_indices(n)
    for start in range(0, rows, step):
        part = log_ratios[start : start + step]
        averages = np.sort((part[:, i] + part[:, j]) / 2, axis=1)
        out[start : start + step, 0] = np.median(averages, axis=1)
        out[start : start + step, 1:] = averages[:, [wide - 1, size - wide, narrow - 1, size - narrow]]
    return Bounds(*(np.ascontiguousarray(out[:, k]) for k in range(5)))


def operating(bounds: Bounds, pairs: int, effect: float, margin: float, *, planted: float = 0.0) -> Operating:
    """Count what comparisons with these bounds say, by the rules of `compare_paired`.

    `effect`: the truth, as a share. `planted`: an effect to be added to every bound first (Hodges-Lehmann moves with
    its data, so one set of comparisons without effect serves for every size of effect).
    """
    shift, truth, limit = math.log1p(planted), math.log1p(effect), math.log1p(margin)
    low, high = bounds.low + shift, bounds.high + shift
    inside = (bounds.tost_low + shift > -limit) & (bounds.tost_high + shift < limit)
    differs = (low > 0) | (high < 0)
    found = (low > 0) if effect > 0 else (high < 0) if effect < 0 else np.zeros_like(differs)
    return Operating(effect, pairs, _rate(differs), _rate(found), _rate(differs & ~inside),
                     _rate((low <= truth) & (truth <= high)))  # fmt: skip


def null_comparisons(log_ratios: ArrayLike, pairs: int, repeats: int, seed: int) -> Bounds:
    """Return the bounds of `repeats` simulated comparisons without any effect, on noise that was really measured.

    Each draws `pairs` of the measured A/A log-ratios with replacement and gives every one a random sign: the arms are
    the same work, so that a ratio and its inverse are equally likely, and the truth is exactly 0.
    Weakness: drawing independently breaks what neighbouring pairs have in common, and a spike that was not measured
    cannot be drawn; `grouped_comparisons` keeps both, at a smaller n.
    `log_ratios`: (n,), n >= 20, not constant.
    """
    values = np.abs(series("log_ratios", log_ratios, minimum=20, varied=True))
    chance = np.random.default_rng(seed)
    drawn = values[chance.integers(0, values.size, (repeats, pairs))]
    return hodges_lehmann_rows(drawn * chance.choice((-1.0, 1.0), (repeats, pairs)))


def grouped_comparisons(log_ratios: ArrayLike, pairs: int) -> Bounds:
    """Return the bounds of the real comparisons that a long series holds: neighbours in groups of `pairs`, no overlap.

    `log_ratios`: (n,), n >= `pairs`, in order of time; what is left over at the end is not used.
    """
    values = series("log_ratios", log_ratios, minimum=pairs)
    groups = values.size // pairs
    return hodges_lehmann_rows(values[: groups * pairs].reshape(groups, pairs))


def smallest_effect(bounds: Bounds, confidence: float = 0.95) -> float:
    """Return the effect (a share) that such comparisons find with 80 % power, from the median of their half-widths.

    A half-width is z(0.975) standard errors; a detection in 4 of 5 comparisons takes z(0.975) + z(0.80) of them: 1.43
    half-widths. Weakness: normal theory for an estimator that is only nearly normal; 15 pairs find this effect in 78 %
    (t(3) noise) to 80 % (normal noise), 6 pairs in 74 to 79 %.
    """
    half = float(np.median(bounds.high - bounds.low)) / 2
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return math.expm1(half * (z + NormalDist().inv_cdf(POWER)) / z)


def _rate(which: NDArray[np.bool_]) -> Rate:
    events, n = int(which.sum()), int(which.size)
    bound = clopper_pearson(events, n)
    return Rate(events, n, bound.low or 0.0, bound.high if bound.high is not None else 1.0)
