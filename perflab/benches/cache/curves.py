"""Mattson's curve equal to simulations at many sizes, its speed, and Che's approximation beside long simulations."""

from __future__ import annotations

import time

import numpy as np

from perflab.benches.bar import Bar, measured
from perflab.benches.cache.material import OBJECTS, REQUESTS, SKEWS, material
from perflab.benches.parts import Say
from perflab.cache.che import che_hit_ratio
from perflab.cache.generators import zipf_popularity
from perflab.cache.policies.registry import simulate, warmed
from perflab.cache.stack_distance import stack_distances
from perflab.stats.latency import order_statistic_intervals

ORDER = 20
CAPACITIES = (1, 10, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000, 500_000, 1_000_000)
CHE_CAPACITIES = (1_000, 10_000, 50_000)
WARM_UP = 3_000_000
ROUNDS = 7


def bars(say: Say) -> list[Bar]:
    """Measure both on the three traces of 10 M requests."""
    found = []
    for skew in SKEWS:
        found += [*_mattson(skew), _che(skew)]
        say(f"  Zipf {skew:g}: {found[-2].value:.1f} M references/s")
    return found


def _mattson(skew: float) -> list[Bar]:
    trace, rates = material(skew), []
    curve = stack_distances(trace)
    for _ in range(ROUNDS):
        began = time.process_time()
        stack_distances(trace)
        rates.append(REQUESTS / 1e6 / (time.process_time() - began))
    apart = [abs(curve.missed(c) - simulate("LRU", trace, c).missed) for c in CAPACITIES]
    rate = order_statistic_intervals(rates, (0.5,))[0]
    title = f"Mattson, Zipf {skew:g}, {REQUESTS / 1e6:g} M references"
    return [
        Bar(f"mrc-{skew:g}-n", f"{title}: misses that differ from LRU simulations at {len(CAPACITIES)} sizes",
            float(max(apart)), "==", 0, "misses", len(CAPACITIES)),
        measured(f"mrc-{skew:g}", f"{title}: the whole curve, per CPU second", rate, ">=", 2, "M/s"),
    ]  # fmt: skip


def _che(skew: float) -> Bar:
    """Hold the approximation to LRU after the cache has filled; the sampling error of 7 M requests is 0.0002."""
    popularity, trace = zipf_popularity(OBJECTS, skew), material(skew)
    apart = [abs(che_hit_ratio(popularity, c) - warmed("LRU", trace, c, WARM_UP).hit_ratio) for c in CHE_CAPACITIES]
    return Bar(f"che-{skew:g}", f"Che's approximation, Zipf {skew:g}: largest distance from LRU after a warm-up",
               float(np.max(apart)), "<=", 0.001, "hit ratio", len(apart),
               detail={"capacities": CHE_CAPACITIES, "warm_up": WARM_UP})  # fmt: skip
