"""Live caches on one trace: their hit ratio beside the simulator's, and their CPU time per operation."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.cache.material import CAPACITY
from perflab.benches.parts import Say
from perflab.cache.generators import zipf_trace
from perflab.cache.live.registry import libraries, open_cache, version_of
from perflab.cache.policies.registry import policies, simulate
from perflab.cache.trace import Trace

ORDER = 30
REQUESTS, OBJECTS, SKEW, SEED = 1_000_000, 1_000_000, 1.0, 7
ROUNDS, LIMIT = 3, 0.0005


@dataclass(frozen=True)
class LiveRun:
    """One live cache on a trace; `simulated`: the simulator's hit ratio, None for a policy that it has not."""

    library: str
    policy: str
    version: str
    hit_ratio: float
    simulated: float | None
    ns: float
    fastest_ns: float
    slowest_ns: float


def bars(say: Say) -> list[Bar]:
    """Run every library that is installed; one that is missing leaves a bar that does not hold."""
    trace = zipf_trace(REQUESTS, OBJECTS, SKEW, seed=SEED)
    runs = {(r.library, r.policy): r for r in run_all(trace, CAPACITY)}
    found = []
    for library, module in libraries().items():
        for policy in module.POLICIES:
            ran = runs.get((library, policy))
            if ran is not None:
                say(f"  {library} {ran.version} {policy}: hits {ran.hit_ratio:.4f}, {ran.ns:.0f} ns per operation")
            if policy in policies():
                found.append(_bar(library, policy, ran))
    return found


def _bar(library: str, policy: str, ran: LiveRun | None) -> Bar:
    title = f"{library} {policy}: hit ratio apart from the simulator's"
    if ran is None or ran.simulated is None:
        return Bar(f"{library}-{policy.lower()}", f"{title} (not installed: pip install {library})", None, "<=", LIMIT,
                   "hit ratio", detail={"why": "not installed"})  # fmt: skip
    return Bar(f"{library}-{policy.lower()}", title, abs(ran.hit_ratio - ran.simulated), "<=", LIMIT, "hit ratio",
               REQUESTS, detail={"hit_ratio": ran.hit_ratio, "ns_per_op": ran.ns, "version": ran.version})  # fmt: skip


def run_all(trace: Trace, capacity: int, rounds: int = ROUNDS) -> list[LiveRun]:
    """Replay a trace (get, and set what is missing) on every installed cache, in turn, `rounds` times each.

    Times are process CPU time per request, loop included; every round begins with an empty cache.
    """
    keys = trace.ids.tolist()
    arms = [(lib, policy) for lib, module in libraries().items() if version_of(lib) for policy in module.POLICIES]
    times: dict[tuple[str, str], list[float]] = {arm: [] for arm in arms}
    missed: dict[tuple[str, str], int] = {}
    for turn in range(rounds):
        for arm in arms if turn % 2 == 0 else reversed(arms):
            cache = open_cache(*arm, capacity)
            began = time.process_time_ns()
            missed[arm] = libraries()[arm[0]].replay(cache, keys)
            times[arm].append((time.process_time_ns() - began) / len(keys))
    known = {policy: simulate(policy, trace, capacity).hit_ratio for policy in {p for _, p in arms} & set(policies())}
    return [LiveRun(lib, policy, version_of(lib), 1 - missed[lib, policy] / len(keys), known.get(policy),
                    float(np.median(spent)), min(spent), max(spent))
            for (lib, policy), spent in times.items()]  # fmt: skip
