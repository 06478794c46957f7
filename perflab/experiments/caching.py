"""Which policy, which size, which library: the cache laboratory on a trace, made to order or of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from perflab.benches.cache.live import LiveRun, run_all
from perflab.cache.che import che_capacity, che_hit_ratio, ideal_capacity
from perflab.cache.generators import scanned_trace, zipf_popularity, zipf_trace
from perflab.cache.oracle.requests import requests_of
from perflab.cache.policies.registry import policies, simulate
from perflab.cache.stack_distance import stack_distances
from perflab.cache.trace import Trace
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck

DRAWN = ("FIFO", "LRU", "SIEVE", "S3-FIFO", "W-TinyLFU", "Belady")
BOUND, EXPIRING = "Belady", "TTL"
SKEWS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
CATALOGUE = 1_000_000
ASKED_RATIO = 0.9
SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # of the objects: the sizes of the curve
QUICK = {"requests": 1_000_000, "objects": 100_000, "live": 200_000}
FULL = {"requests": 10_000_000, "objects": 1_000_000, "live": 1_000_000}


@dataclass(frozen=True)
class Curves:
    """Hit ratios of a trace by policy and capacity: rows of policy, capacity, hit_ratio."""

    trace: Trace
    rows: tuple[dict[str, Any], ...]

    def at(self, capacity: int) -> dict[str, float]:
        """Return hit ratio by policy at one capacity."""
        return {row["policy"]: row["hit_ratio"] for row in self.rows if row["capacity"] == capacity}

    def capacities(self) -> list[int]:
        """Return the capacities, ascending."""
        return sorted({row["capacity"] for row in self.rows})

    @property
    def middle(self) -> int:
        """The capacity at which the policies differ most, Belady and Che left out."""
        return max(self.capacities(), key=lambda c: float(np.ptp(list(contenders(self.at(c)).values()))))

    @property
    def sentence(self) -> str:
        """What the curves show at the capacity where the choice matters most."""
        seen = self.at(self.middle)
        ranked = sorted(contenders(seen).items(), key=lambda item: -item[1])
        (best, most), (worst, least) = ranked[0], ranked[-1]
        return (
            f"The choice of the policy matters most at {self.middle:,} objects "
            f"({100 * self.middle / self.trace.objects:.2g} % of all): {best} hits {100 * most:.1f} %, LRU "
            f"{100 * seen['LRU']:.1f} %, {worst} {100 * least:.1f} %, the optimum {100 * seen[BOUND]:.1f} %."
        )


def contenders(ratios: dict[str, float]) -> dict[str, float]:
    """Return the policies that one can run: without the optimum and the approximation."""
    return {policy: ratio for policy, ratio in ratios.items() if policy not in (BOUND, "Che")}


def sizes_of(study: Study) -> dict[str, int]:
    """Return requests and objects of the traces at the study's effort."""
    return QUICK if study.quick else FULL


def check_policies(seed: int) -> list[TrustCheck]:
    """Hold every policy to its plain twin, and Mattson's curve to LRU at every size, in this run."""
    base = scanned_trace(zipf_trace(500, 60, 0.9, seed=seed), 200, 40)
    trace = Trace(base.name, base.ids, base.objects, None, np.arange(base.requests) / 10.0)
    found = []
    for name, policy in policies().items():
        twin = import_module(policy.__name__.replace(".policies.", ".oracle."))  # type: ignore[attr-defined]
        apart = [abs(simulate(name, trace, c, ttl_s=5.0).missed - sum(twin.misses(requests_of(trace), c, 5.0)))
                 for c in (1, 7, 20, 50)]  # fmt: skip
        found.append(_equal(f"{name} against its plain twin, 4 sizes", max(apart)))
    curve = stack_distances(trace)
    apart = [abs(curve.missed(c) - simulate("LRU", trace, c).missed) for c in range(1, trace.objects + 1)]
    return [*found, _equal(f"Mattson's curve against LRU, {len(apart)} sizes", max(apart))]


def _equal(name: str, apart: int) -> TrustCheck:
    return TrustCheck(name=name, passed=apart == 0, observed=f"{apart} misses apart", limit="0")


def hit_curves(study: Study, skew: float) -> Curves:
    """Simulate the drawn policies at six sizes on a Zipf trace, and put Che's approximation beside them.

    It is taken for as many requests from an empty cache: in the long run it would lie above what a trace can show.
    """
    sizes = sizes_of(study)
    trace = zipf_trace(sizes["requests"], sizes["objects"], skew, seed=study.seed)
    curves = curves_of(study, trace)
    popularity = zipf_popularity(trace.objects, skew)
    che = [_row("Che", c, che_hit_ratio(popularity, c, trace.requests)) for c in curves.capacities()]
    return Curves(trace, (*curves.rows, *che))


def curves_of(study: Study, trace: Trace) -> Curves:
    """Simulate the drawn policies on any trace, every object counted as one; LRU comes from its exact curve."""
    counted = trace.counted()
    exact = stack_distances(counted)
    capacities = sorted({max(1, round(share * counted.objects)) for share in SHARES})
    rows = []
    for number, policy in enumerate(DRAWN, 1):
        for capacity in capacities:
            found = exact.misses(capacity) if policy == "LRU" else simulate(policy, counted, capacity)
            rows.append(_row(policy, capacity, found.hit_ratio))
        study.progress("curves", number, len(DRAWN), policy)
    return Curves(counted, tuple(rows))


def _row(policy: str, capacity: int, ratio: float) -> dict[str, Any]:
    return {"policy": policy, "capacity": capacity, "hit_ratio": ratio}


def policy_table(curves: Curves) -> list[dict[str, Any]]:
    """Return every policy at the size where they differ most: as it is, and between scans.

    A scan asks once for as many objects as the cache holds, after every four times as many requests; it can hit
    nothing, so the hits with scans are counted against the same requests as those without.
    """
    capacity, trace = curves.middle, curves.trace.head(max(1, curves.trace.requests // 4))
    scanned = scanned_trace(trace, 4 * capacity, capacity)
    rows = []
    for name in (name for name in policies() if name != EXPIRING):
        plain, under = (simulate(name, t, capacity) for t in (trace, scanned))
        hits, kept = (100 * (found.requests - found.missed) / trace.requests for found in (plain, under))
        rows.append({"policy": name, "hits (%)": round(hits, 2), "between scans (%)": round(kept, 2),
                     "lost (points)": round(hits - kept, 2)})  # fmt: skip
    return sorted(rows, key=lambda row: -row["hits (%)"])


def policy_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what scans cost LRU and the policy that bears them best."""
    lost = {row["policy"]: row["lost (points)"] for row in rows if row["policy"] != BOUND}
    best = min(lost, key=lambda name: lost[name])
    return (
        f"Scans of objects that nobody asks for again cost LRU {lost['LRU']:.1f} points of hits and {best} "
        f"{max(0.0, lost[best]):.1f}."
    )


def share_table() -> list[dict[str, Any]]:
    """Return, per skew, which share of a catalogue of 1 M objects must fit for 90 % hits: LRU by Che, and the ideal."""
    rows = []
    for skew in SKEWS:
        popularity = zipf_popularity(CATALOGUE, skew)
        lru, ideal = che_capacity(popularity, ASKED_RATIO), ideal_capacity(popularity, ASKED_RATIO)
        rows.append({"skew": skew, "LRU (% of the catalogue)": round(100 * lru / CATALOGUE, 2),
                     "ideal (% of the catalogue)": round(100 * ideal / CATALOGUE, 2)})  # fmt: skip
    return rows


def share_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what a hit ratio over 90 % asks of the demand."""
    column = "LRU (% of the catalogue)"
    first, last = rows[0], rows[-1]
    return (
        f"For {100 * ASKED_RATIO:.0f} % hits LRU must hold {first[column]:g} % of the catalogue at a skew of "
        f"{first['skew']:g} and {last[column]:g} % at {last['skew']:g}: the ratio says how skewed the demand "
        "is and how large the cache, not how good the cache is. It is judged on a trace of one's own only."
    )


def live_caches(study: Study, skew: float) -> list[LiveRun]:
    """Run the installed libraries on one trace, capacity a hundredth of its objects."""
    sizes = sizes_of(study)
    trace = zipf_trace(sizes["live"], sizes["objects"], skew, seed=study.seed)
    return run_all(trace, sizes["objects"] // 100, rounds=3)


def live_rows(runs: list[LiveRun]) -> list[dict[str, Any]]:
    """Return one row per live cache, the cheapest first."""
    return [{"library": r.library, "version": r.version, "policy": r.policy, "ns per operation": round(r.ns),
             "fastest": round(r.fastest_ns), "slowest": round(r.slowest_ns), "hits (%)": round(100 * r.hit_ratio, 2),
             "simulated (%)": None if r.simulated is None else round(100 * r.simulated, 2)}
            for r in sorted(runs, key=lambda r: r.ns)]  # fmt: skip


def live_checks(runs: list[LiveRun], limit: float = 0.0005) -> list[TrustCheck]:
    """Hold the hit ratio of every live cache whose policy is simulated to the simulator."""
    apart = {f"{r.library} {r.policy}": abs(r.hit_ratio - r.simulated) for r in runs if r.simulated is not None}
    return [
        TrustCheck(
            name=f"{name} against the simulator", passed=far <= limit, observed=f"{far:.5f}", limit=f"<= {limit:g}"
        )
        for name, far in apart.items()
    ]


def live_sentence(runs: list[LiveRun]) -> str:
    """Say which library is cheapest, and from which price of a miss on each dearer one that hits more pays.

    A library that is passed over at every price of a miss, by a cheaper one or by one that hits more, is not named.
    """
    kept: list[LiveRun] = []
    for run in sorted(runs, key=lambda r: (r.ns, -r.hit_ratio)):
        if kept and run.hit_ratio <= kept[-1].hit_ratio:
            continue
        while len(kept) > 1 and _pays_from_us(kept[-1], run) <= _pays_from_us(kept[-2], kept[-1]):
            kept.pop()
        kept.append(run)
    said = [f"{kept[0].library} {kept[0].policy} is cheapest with {kept[0].ns:.0f} ns per operation"]
    for cheap, dear in pairwise(kept):
        said.append(
            f"{dear.library} {dear.policy} ({dear.ns:.0f} ns) hits {100 * (dear.hit_ratio - cheap.hit_ratio):.1f} "
            f"points more than that and pays where a miss costs more than {_pays_from_us(cheap, dear):,.1f} us"
        )
    return "; ".join(said) + "."


def _pays_from_us(cheap: LiveRun, dear: LiveRun) -> float:
    """Return what a miss must cost (us) for the dearer operation, which hits more, to pay."""
    return (dear.ns - cheap.ns) / (dear.hit_ratio - cheap.hit_ratio) / 1e3
