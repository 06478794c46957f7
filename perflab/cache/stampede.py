"""The stampede: a popular object expires, and everyone recomputes it at once. Four ways to meet it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.errors import UsageError
from perflab.jit import njit

STRATEGIES = ("naive", "single flight", "early (XFetch)", "stale while revalidating")
MOST_ARRIVALS = 50_000_000


@dataclass(frozen=True)
class Demand:
    """One object: asked for `rate` times a second, valid for `ttl_s`, recomputed in `recompute_s`, for `length_s`."""

    rate: float = 1_000.0
    ttl_s: float = 60.0
    recompute_s: float = 0.5
    length_s: float = 1_800.0

    def check(self) -> None:
        """Raise UsageError for what is no demand."""
        values = (self.rate, self.ttl_s, self.recompute_s, self.length_s)
        if not all(0 < value < math.inf for value in values) or self.rate * self.length_s > MOST_ARRIVALS:
            raise UsageError(f"{self.rate:g} requests/s for {self.length_s:g} s, valid {self.ttl_s:g} s, recomputed in "
                             f"{self.recompute_s:g} s", f"all above 0, at most {MOST_ARRIVALS:,} requests")  # fmt: skip


@dataclass(frozen=True)
class Stampede:
    """What came of it. `renewals`: times that the object was recomputed after a time in which nobody did.

    `recomputes`: all of them; `waited`: requests that waited for one, their own or another's; `waited_s`: in all;
    `stale`: requests answered with an expired value; `at_once`: most recomputes at the same time.
    """

    strategy: str
    requests: int
    renewals: int
    recomputes: int
    waited: int
    waited_s: float
    stale: int
    at_once: int

    @property
    def per_renewal(self) -> float:
        """Recomputes for each time that one was needed."""
        return self.recomputes / max(1, self.renewals)

    @property
    def waiting_per_renewal(self) -> float:
        """Requests that wait, for each time that the object was renewed."""
        return self.waited / max(1, self.renewals)


def stampede(strategy: str, demand: Demand, *, seed: int, beta: float = 1.0) -> Stampede:
    """Simulate one object under Poisson arrivals, just recomputed at the start.

    naive: whoever finds it expired recomputes it and waits. single flight: the first recomputes, the others wait for
    that. early: like naive, but a request recomputes ahead of expiry with a chance that rises towards it: when
    now - recompute_s * beta * ln(u) >= expiry, u uniform (Vattani, Chierichetti, Lowenstein, VLDB 2015, XFetch).
    stale while revalidating: the first recomputes aside, all are answered with the old value (RFC 5861).
    Early recomputes number e = 2.7 per renewal at beta 1 where rate * recompute_s is large: the chance grows e-fold in
    the time of one recompute. Weakness: recomputes do not slow each other down; in life they do, and naive is worse.
    """
    demand.check()
    if strategy not in STRATEGIES or not 0 < beta < math.inf:
        raise UsageError(f"Strategy {strategy!r} with beta {beta:g}", f"one of {', '.join(STRATEGIES)}, beta above 0")
    rng = np.random.default_rng(seed)
    count = max(1, int(rng.poisson(demand.rate * demand.length_s)))
    arrivals = np.sort(rng.random(count)) * demand.length_s
    ahead = -demand.recompute_s * beta * np.log1p(-rng.random(count))
    found = run(arrivals, ahead, demand.ttl_s, demand.recompute_s, STRATEGIES.index(strategy))
    renewals, recomputes, waited, stale, at_once = (int(found[k]) for k in (0, 1, 2, 4, 5))
    return Stampede(strategy, count, renewals, recomputes, waited, float(found[3]), stale, at_once)


@njit(cache=True, nogil=True)
def run(arrivals: Any, ahead: Any, ttl_s: Any, recompute_s: Any, strategy: Any) -> Any:
    """Simulate; recomputes all take the same time, so they end in the order in which they began."""
    began = np.empty(arrivals.size)
    started, done, renewals, waited, stale, at_once = 0, 0, 0, 0, 0, 0
    waited_s, expiry = 0.0, ttl_s
    for t in range(arrivals.size):
        now = arrivals[t]
        while done < started and began[done] + recompute_s <= now:
            expiry = began[done] + recompute_s + ttl_s
            done += 1
        fresh, flying = now < expiry, started > done
        if fresh and not (strategy == 2 and now + ahead[t] >= expiry):
            continue
        stale += strategy == 3
        waited += strategy != 3
        if flying and strategy in (1, 3):
            waited_s += began[started - 1] + recompute_s - now if strategy == 1 else 0.0
            continue
        began[started] = now
        started += 1
        renewals += not flying
        at_once = max(at_once, started - done)
        waited_s += recompute_s if strategy != 3 else 0.0
    return renewals, started, waited, waited_s, stale, at_once
