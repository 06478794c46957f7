"""Quantile intervals where requests depend on each other: a queue at 80 % load with known truth."""

from __future__ import annotations

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.stats.queue import responses, true_quantile
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_interval, sectioned_quantile, trial_interval
from perflab.stats.proportion import clopper_pearson

ORDER = 30
LOAD, REQUESTS, TRIALS, SECTIONS = 0.8, 60_000, 8, 10
RUNS = 800  # of eight trials each; 95 % of such counts lie within 1.5 points
NAIVE_RUNS = 400
QUANTILES = {"p50": 0.50, "p99": 0.99}


def bars(say: Say) -> list[Bar]:
    """Measure how often intervals cover the true quantile: over trials, inside one run, and the naive one."""
    over = {name: np.zeros(RUNS, bool) for name in QUANTILES}
    inside = {name: np.zeros(RUNS, bool) for name in QUANTILES}
    naive = {name: np.zeros(NAIVE_RUNS, bool) for name in QUANTILES}
    for run in range(RUNS):
        trials = [responses(REQUESTS, LOAD, run * TRIALS + trial + 1) for trial in range(TRIALS)]
        for name, q in QUANTILES.items():
            truth = true_quantile(q, LOAD)
            of_trials = np.array([np.quantile(trial, q) for trial in trials])
            over[name][run] = _covers(trial_interval(of_trials), truth)
            inside[name][run] = _covers(sectioned_quantile(trials[0], q, SECTIONS), truth)
            if run < NAIVE_RUNS:
                naive[name][run] = _covers(order_statistic_interval(trials[0], q), truth)
    queue = f"of an M/M/1 queue at {LOAD:g}"
    return [
        bar
        for name in QUANTILES
        for bar in (
            _bar(f"dependent.trials.{name}", f"{name} over {TRIALS} trials {queue}", over[name], 93, naive[name]),
            _bar(f"dependent.sections.{name}", f"{name} of one run {queue}", inside[name], 87, naive[name]),
        )
    ]


def _covers(interval: Interval, truth: float) -> bool:
    return not interval.excludes(truth)


def _bar(id: str, title: str, hits: np.ndarray, limit: float, naive: np.ndarray) -> Bar:
    share = clopper_pearson(int(hits.sum()), hits.size)
    detail = {"naive_coverage_percent": 100 * float(naive.mean()), "naive_n": int(naive.size), "requests": REQUESTS}
    return Bar(id, f"coverage, {title}", 100 * share.value, ">=", limit, "%", int(hits.size),
               (100 * (share.low or 0.0), 100 * (share.high or 1.0)), detail)  # fmt: skip
