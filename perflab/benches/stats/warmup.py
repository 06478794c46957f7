"""Warm-up found on traces with a known cut: steps, slow approaches, flat ones, late shifts."""

from __future__ import annotations

import time

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.stats.warmup import WarmUp, find_warm_up

ORDER = 60
N, TRACES = 300, 400
NOISE, SPIKES = 0.03, 0.03
AT = np.arange(N)
SHAPES = {
    "flat": np.ones(N),
    "step": np.where(AT < 50, 2.0, 1.0),
    "two steps": np.where(AT < 40, 2.5, np.where(AT < 90, 1.5, 1.0)),
    "slow": 1 + np.exp(-AT / 40),
    "late shift": np.where(AT < 200, 1.0, 1.08),
}


def noisy(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a trace of N iterations with 3 % of noise and a spike in 3 % of them."""
    rough = shape * np.exp(rng.normal(0, NOISE, N))
    return np.where(rng.random(N) < SPIKES, rough * (1 + rng.exponential(2, N)), rough)


def bars(say: Say) -> list[Bar]:
    """Measure where warm-up is cut, what it leaves, how often a late shift is named, and what it costs."""
    rng = np.random.default_rng(60)
    made = {shape: [noisy(SHAPES[shape], rng) for _ in range(TRACES)] for shape in SHAPES}
    found = {shape: [find_warm_up(one) for one in traces] for shape, traces in made.items()}
    steps = [abs(w.cut - true) <= 5 for shape, true in (("step", 50), ("two steps", 90)) for w in found[shape]]
    named = [w.state == "late shift" for w in found["late shift"]]
    flat = [w.cut <= 0.05 * N for w in found["flat"]]
    return [
        Bar("warmup.steps", "step warm-ups cut within 5 iterations", _percent(steps), ">=", 90, "%", len(steps)),
        Bar("warmup.flat", "flat traces of which at most 5 % is cut", _percent(flat), ">=", 90, "%", TRACES),
        Bar("warmup.slow", "what a slow approach (40 iterations) leaves", _left(found), "<=", 1, "%", TRACES),
        Bar("warmup.late", "late shifts named as such", _percent(named), ">=", 95, "%", TRACES),
        Bar("warmup.cost", "time for 1,000 iterations", _cost_ms(rng), "<=", 20, "ms", 20),
    ]


def _left(found: dict[str, list[WarmUp]]) -> float:
    """Return how far the steady level of slow approaches lies above that of flat traces with the same spikes, %."""
    levels = {shape: float(np.mean([w.level for w in found[shape]])) for shape in ("slow", "flat")}
    return 100 * abs(levels["slow"] / levels["flat"] - 1)


def _cost_ms(rng: np.random.Generator) -> float:
    x = np.exp(rng.normal(0, NOISE, 1000))
    times = []
    for _ in range(20):
        began = time.perf_counter()
        find_warm_up(x)
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times))


def _percent(hits: list[bool]) -> float:
    return 100 * sum(hits) / len(hits)
