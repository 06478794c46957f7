"""How far two instruments agree on an order of places, and how sure each is of its own.

Heads of rankings agree between good instruments and tails are noise, so agreement is measured where it means
something: the first places (overlap, rank-biased overlap) and the order of the places that are not small (tau-b).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)
DRAWS = 1000
LEAST = 0.02  # smaller shares order themselves by chance
TOP = 5
PERSISTENCE = 0.8  # of rank-biased overlap: the first five places carry two thirds of the weight


@dataclass(frozen=True)
class Agreement:
    """Two rankings compared: overlap of their first `k` places, tau-b over `keys` places, rank-biased overlap.

    `tau` is NaN with fewer than two places of at least 2 %, or when one side ties all of them.
    """

    first: str
    second: str
    k: int
    overlap: float
    tau: float
    rbo: float
    keys: int
    same_first: bool


def agree(first: tuple[str, Mapping[K, float]], second: tuple[str, Mapping[K, float]], k: int = TOP) -> Agreement:
    """Compare two named rankings given as shares by place; both must answer the same question."""
    (name, a), (other, b) = first, second
    left, right = _order(a), _order(b)
    depth = max(1, min(k, len(left), len(right)))
    keys = sorted({key for key in (*a, *b) if max(a.get(key, 0.0), b.get(key, 0.0)) >= LEAST}, key=repr)
    return Agreement(
        name,
        other,
        depth,
        len(set(left[:depth]) & set(right[:depth])) / depth,
        tau_b([a.get(key, 0.0) for key in keys], [b.get(key, 0.0) for key in keys]),
        rank_biased_overlap(left, right),
        len(keys),
        left[:1] == right[:1],
    )


def _order(shares: Mapping[K, float]) -> list[K]:
    return sorted((key for key in shares if shares[key] > 0), key=lambda key: (-shares[key], repr(key)))


def tau_b(x: list[float], y: list[float]) -> float:
    """Return Kendall's tau-b of two equally long lists: 1 = same order, -1 = reversed; NaN when it is not defined."""
    if len(x) < 2:
        return math.nan
    sx, sy = (np.sign(np.subtract.outer(v, v))[np.triu_indices(len(x), 1)] for v in (x, y))
    scale = math.sqrt(float(np.sum(sx != 0)) * float(np.sum(sy != 0)))
    return float(np.sum(sx * sy)) / scale if scale else math.nan


def rank_biased_overlap(left: list[K], right: list[K], p: float = PERSISTENCE) -> float:
    """Return the extrapolated rank-biased overlap of two orders without ties, in 0..1; 1 = the same order.

    Compared to the depth of the shorter one, beyond which the agreement reached there is assumed to go on (Webber,
    Moffat and Zobel 2010, equation 23). Weak where one list is very short: one place can then decide everything.
    """
    depth = min(len(left), len(right))
    if depth == 0:
        return math.nan
    overlap = [len(set(left[:d]) & set(right[:d])) / d for d in range(1, depth + 1)]
    head = (1 - p) / p * sum(a * p**d for d, a in enumerate(overlap, 1))
    return head + overlap[-1] * p**depth


def draw_shares(
    shares: Mapping[K, float], n: int, seed: int, draws: int = DRAWS
) -> tuple[list[K], NDArray[np.float64]]:
    """Return the places and `draws` x places shares that `n` samples could as well have shown.

    Multinomial over the samples with the seen shares (what is missing to 1 is one more place). Covers sampling error
    alone: samples of one burst of work are treated as independent, and the spread from run to run is not in it.
    """
    keys = sorted(shares, key=repr)
    seen = np.array([max(0.0, shares[key]) for key in keys], dtype=np.float64)
    seen = np.append(seen, max(0.0, 1.0 - float(seen.sum())))
    counts = np.random.default_rng(seed).multinomial(max(1, n), seen / seen.sum(), size=draws)
    return keys, counts[:, :-1] / max(1, n)


def rank_intervals(
    keys: list[K], drawn: NDArray[np.float64], level: float = 0.95
) -> dict[K, tuple[float, float, int, int]]:
    """Return (share low, share high, best rank, worst rank) of each place over the draws, at `level`."""
    if not keys:
        return {}
    ranks = np.argsort(np.argsort(-drawn, axis=1, kind="stable"), axis=1, kind="stable") + 1
    tails = [(1 - level) / 2, (1 + level) / 2]
    shares = np.quantile(drawn, tails, axis=0)
    places = np.quantile(ranks, tails, axis=0, method="inverted_cdf")
    return {
        key: (float(shares[0, i]), float(shares[1, i]), int(places[0, i]), int(places[1, i]))
        for i, key in enumerate(keys)
    }
