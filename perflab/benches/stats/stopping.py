"""The adaptive stop: does its interval keep its level, and what does it save; the peeking rule beside it."""

from __future__ import annotations

import math

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.stats.noises import NOISES, Draw
from perflab.stats.proportion import clopper_pearson
from perflab.stats.signed_rank import hodges_lehmann, signed_rank_p
from perflab.stats.stopping import StopRule, decide

ORDER = 70
RULE = StopRule(target=0.02)
EFFECT, MOST, FIXED = math.log(1.05), 200, 30
SPREAD, WIDE = 0.02, 0.05  # of one pair: what a machine under load shows, and one at which the rule must go on
MIDDLE = 0.03  # at which the second to fourth look decides: there a stop by chance could cost coverage
RUNS, WIDE_RUNS, PEEKS = 4000, 2000, 1000


def bars(say: Say) -> list[Bar]:
    """Measure realised coverage and pairs under each noise, at the usual spread and at one that takes longer."""
    found: list[Bar] = []
    for number, (name, draw) in enumerate(NOISES.items()):
        hits, pairs = simulate(np.random.default_rng(70 + number), draw, SPREAD, RUNS)
        wide_hits, wide_pairs = simulate(np.random.default_rng(80 + number), draw, WIDE, WIDE_RUNS)
        mid_hits, mid_pairs = simulate(np.random.default_rng(100 + number), draw, MIDDLE, WIDE_RUNS)
        peeked = {"peeking_false_percent": 100 * peeking(np.random.default_rng(90 + number), draw)}
        share = 100 * float(np.median(pairs)) / FIXED
        found += [
            *_coverage(f"stopping.{name}", f"{name} noise", hits, _pairs(pairs, SPREAD) | peeked),
            *_coverage(f"stopping.middle.{name}", f"{name} noise, middle", mid_hits, _pairs(mid_pairs, MIDDLE)),
            *_coverage(f"stopping.wide.{name}", f"{name} noise, wide", wide_hits, _pairs(wide_pairs, WIDE)),
            Bar(f"stopping.pairs.{name}", f"median pairs of fixed {FIXED}, {name} noise", share, "<=", 60, "%",
                pairs.size, detail=_pairs(pairs, SPREAD)),
        ]  # fmt: skip
    return found


def simulate(rng: np.random.Generator, draw: Draw, spread: float, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each simulated run whether its interval holds the truth, and how many pairs it took."""
    hits, pairs = np.zeros(runs, bool), np.zeros(runs, int)
    for run in range(runs):
        steps = EFFECT + spread * draw(rng, MOST)
        pairs[run] = pairs_taken(steps)
        hits[run] = not hodges_lehmann(steps[: pairs[run]], RULE.confidence).excludes(EFFECT)
    return hits, pairs


def pairs_taken(steps: np.ndarray) -> int:
    """Return after how many pairs of a long series the rule stops."""
    n = 0
    while True:
        n = RULE.next_look(n)
        if decide(RULE, steps[:n]).stop:
            return n


def peeking(rng: np.random.Generator, draw: Draw, runs: int = PEEKS) -> float:
    """Return how often identical arms are told apart when one looks after every pair and stops at p <= 5 %."""
    found = 0
    for _ in range(runs):
        steps = draw(rng, 60)
        found += any(signed_rank_p(steps[:n]) <= 0.05 for n in range(6, 61))
    return found / runs


def _coverage(id: str, title: str, hits: np.ndarray, detail: dict[str, float]) -> list[Bar]:
    share = clopper_pearson(int(hits.sum()), hits.size)
    interval = (100 * (share.low or 0.0), 100 * (share.high or 1.0))
    sides = (("least", ">=", 93.0), ("most", "<=", 97.0))
    return [
        Bar(f"{id}.{side}", f"realised coverage, {title}", 100 * share.value, operator, limit, "%", int(hits.size),
            interval, detail)
        for side, operator, limit in sides
    ]  # fmt: skip


def _pairs(pairs: np.ndarray, spread: float) -> dict[str, float]:
    return {"spread": spread, "target": RULE.target, "pairs_median": float(np.median(pairs)),
            "pairs_p90": float(np.quantile(pairs, 0.9))}  # fmt: skip
