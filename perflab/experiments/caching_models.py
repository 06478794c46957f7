"""Levels and stampedes, the trace of one's own system, and what the cache laboratory concludes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.cache.generators import zipf_trace
from perflab.cache.levels import Levels, Routing, two_levels
from perflab.cache.policies.lru import outcomes
from perflab.cache.readers.registry import read_trace
from perflab.cache.stampede import STRATEGIES, Demand, Stampede, stampede
from perflab.cache.trace import Trace, check_capacity
from perflab.errors import StatisticError
from perflab.experiments.caching import sizes_of
from perflab.experiments.conclude.parts import evidence, observation
from perflab.experiments.study import Study
from perflab.findings.catalogue import Target, load_targets
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.findings.judge import judge_target, target_finding
from perflab.stats.interval import Interval
from perflab.stats.latency import sectioned_mean

PODS = 20
L1_SHARES, L2_SHARE = (0.0, 0.001, 0.005), 0.1
L1_US, L2_US, ORIGIN_US = 0.1, 51.0, 5_000.0  # a process's own cache; Redis pooled, local; a query or call of 5 ms
SMALL_GAIN = 3.0  # points
METRIC = "cache_hit_ratio"
MEASURED = "Which library?"
QUESTIONS = ("Which policy hits most?", "What does 90 % hits ask?", MEASURED, "Does a first level pay?",
             "What meets a stampede?")  # fmt: skip
WARM_UP_SHARE = 0.2


@dataclass(frozen=True)
class OwnTrace:
    """The user's trace, the capacity judged, LRU's hit ratio after a warm-up, and why there is no interval."""

    trace: Trace
    capacity: int
    interval: Interval | None
    why: str = ""


def level_runs(study: Study, skew: float) -> list[tuple[int, Routing, Levels]]:
    """Simulate 20 pods with and without a cache of their own before a shared one of a tenth of the objects."""
    sizes = sizes_of(study)
    trace = zipf_trace(sizes["requests"], sizes["objects"], skew, seed=study.seed)
    routes: tuple[Routing, ...] = ("random", "by key")
    l2 = max(1, int(L2_SHARE * trace.objects))
    return [(l1, route, two_levels(trace, PODS, l1, l2, route, seed=study.seed))
            for l1 in (int(share * trace.objects) for share in L1_SHARES)
            for route in (routes if l1 else routes[:1])]  # fmt: skip


def level_rows(runs: list[tuple[int, Routing, Levels]]) -> list[dict[str, Any]]:
    """Return one row per size of L1 and routing."""
    return [{"L1 per pod (objects)": l1, "routing": route if l1 else "", "L1 hits (%)": round(100 * found.l1_ratio, 1),
             "L1 or L2 hits (%)": round(100 * found.hit_ratio, 1),
             "L2 asked (%)": round(100 * (1 - found.l1_ratio), 1),
             "mean read (us)": round(found.mean_us(L1_US if l1 else 0.0, L2_US, ORIGIN_US), 1)}
            for l1, route, found in runs]  # fmt: skip


def level_sentence(runs: list[tuple[int, Routing, Levels]]) -> str:
    """Say what a first level saves and what it does not."""
    without, best = runs[0][2], max((found for _, _, found in runs[1:]), key=lambda found: found.l1_ratio)
    gained = 100 * (best.hit_ratio - without.hit_ratio)
    return (
        f"A first level takes up to {100 * best.l1_ratio:.0f} % of the requests away from L2, but "
        f"{100 * (1 - best.hit_ratio):.1f} % still reach the origin, {_beside_none(gained)}."
    )


def _beside_none(gained: float) -> str:
    """Say by how many points fewer requests reach the origin with a first level than without."""
    if gained < 0.05:
        return f"{-gained:.1f} points more than without" if gained <= -0.05 else "as many as without"
    if gained < SMALL_GAIN:
        return f"only {gained:.1f} points less than without: the size of L2 decides that"
    return f"{gained:.1f} points less than without: together the pods hold more than L2 alone"


def stampedes(study: Study) -> list[Stampede]:
    """Simulate the four strategies on one object: 1,000 requests/s, recomputed in 0.5 s, valid for 60 s."""
    demand = Demand(length_s=1_800.0 if study.quick else 18_000.0)
    return [stampede(strategy, demand, seed=study.seed) for strategy in STRATEGIES]


def stampede_rows(found: list[Stampede]) -> list[dict[str, Any]]:
    """Return one row per strategy."""
    return [{"strategy": s.strategy, "recomputes per renewal": round(s.per_renewal, 1), "at once": s.at_once,
             "waiting per renewal": round(s.waiting_per_renewal, 1),
             "mean wait of those (ms)": round(1e3 * s.waited_s / s.waited, 1) if s.waited else 0.0,
             "stale per renewal": round(s.stale / max(1, s.renewals), 1)} for s in found]  # fmt: skip


def stampede_sentence(found: list[Stampede]) -> str:
    """Say what each strategy trades."""
    naive, single, early, stale = found
    return (
        f"Without protection each expiry sets off {naive.per_renewal:.0f} recomputes; single flight needs "
        f"{single.per_renewal:.3g}, and {single.waiting_per_renewal:.0f} requests wait for it; early recomputation "
        f"needs {early.per_renewal:.1f} and {early.waiting_per_renewal:.1f} wait; with the old value served meanwhile "
        f"{_waiting(stale)} and {stale.stale / max(1, stale.renewals):.0f} answers are stale."
    )


def _waiting(found: Stampede) -> str:
    return f"{found.waiting_per_renewal:.3g} wait" if found.waited else "nobody waits"


def own_trace(path: str, form: str, capacity: int) -> OwnTrace | None:
    """Read the user's trace and judge LRU's hit ratio on it after a warm-up; None when no file is named.

    `capacity` 0: a tenth of the objects. Judged is what comes after the first fifth, and after the cache was first
    full: until then it misses what a longer trace would have put there. The rest is one series in time, so the interval
    comes from ten sections of it, not from independent requests. A cache that holds all objects is not judged.
    """
    if not path:
        return None
    trace = read_trace(path, form)
    chosen = check_capacity(capacity or max(1, trace.objects // 10), "objects")
    if chosen >= trace.objects:
        why = f"nothing is judged, because all {trace.objects:,} objects of the trace fit: only first requests miss"
        return OwnTrace(trace, chosen, None, why)
    missed = outcomes(trace.ids, trace.objects, chosen)
    full = int(np.searchsorted(np.cumsum(missed), chosen)) + 1  # until then every miss fills a free place
    begin = max(int(WARM_UP_SHARE * trace.requests), full)
    try:
        return OwnTrace(trace, chosen, sectioned_mean((~missed[begin:]).astype(float), within=(0.0, 1.0)))
    except StatisticError as error:
        why = f"the {trace.requests - begin:,} requests after a warm-up cannot be judged: {error}"
        return OwnTrace(trace, chosen, None, why)


def own_sentence(own: OwnTrace | None) -> str:
    """Say what the user's trace shows, or that none was given."""
    if own is None:
        return "No trace was given: the target for the hit ratio is not judged. Name an access log in `trace`."
    ratio, trace = own.interval, own.trace
    said = own.why if ratio is None else f"LRU hits {100 * ratio.value:.2f} % of the requests after a warm-up"
    return (
        f"{trace.name}: {trace.requests:,} requests for {trace.objects:,} objects ({trace.skipped:,} lines left out); "
        f"with {own.capacity:,} objects in the cache {said.rstrip('.')}."
    )


def targets_of(study: Study, own: OwnTrace | None = None) -> list[Target]:
    """Return the targets for a cache's hit ratio in the domain of the system.

    Where that has none and a trace was given, those of any domain: the trace is of whoever asks, not of the system.
    """
    if not study.system.targets:
        return []
    known = [t for t in load_targets(study.system.resolve(study.system.targets)) if t.metric == METRIC]
    mine = [t for t in known if t.domain == study.system.domain]
    return mine or (known if own else [])


def conclude(study: Study, said: Sequence[str], checks: Sequence[TrustCheck], figure: Evidence,
             own: OwnTrace | None, live_checks: Sequence[TrustCheck] = ()) -> list[Finding]:  # fmt: skip
    """Return what a reader takes away; `said`: the sentences on curves, shares, live caches, levels and stampedes.

    `checks` bear on all of it, `live_checks` on the live caches alone: a library that hits otherwise than its policy
    says nothing against the simulator. The target is judged on the user's own trace and on nothing else.
    """
    told = [*zip(QUESTIONS, said, strict=True)]
    if own is not None:
        told.append(("What does one's own trace show?", own_sentence(own)))
    found = []
    for ordinal, (question, claim) in enumerate(told, 1):
        trust = (*checks, *(live_checks if question == MEASURED else ()))
        found.append(
            observation(study, str(ordinal), trust, question=question, claim=claim,
                        level=study.level if question == MEASURED else "simulated",
                        evidence=evidence(figure if ordinal == 1 else None))
        )  # fmt: skip
    return [*found, *(_target(study, target, own, tuple(checks)) for target in targets_of(study, own))]


def _target(study: Study, target: Target, own: OwnTrace | None, trust: tuple[TrustCheck, ...]) -> Finding:
    interval = own.interval if own else None
    reason = own.why if own else "a hit ratio is judged on a trace of one's own, and none was given"
    judgement = judge_target(target, interval, unit="ratio", level="simulated", trust=trust,
                             domain=target.domain, reason=reason)  # fmt: skip
    asker = () if target.domain == study.system.domain else (f"a target of {target.domain}, judged on the trace alone",)
    return target_finding(target, judgement, id=f"F22-target.{target.id}", notebook=study.notebook,
                          question=f"Does the cache meet {target.id}?", n_unit="requests",
                          condition=f"LRU of {own.capacity} objects" if own else "", trust=trust,
                          caveats=(*asker, *(("simulated on the trace given",) if interval else ())))  # fmt: skip
