"""Retries and a circuit breaker while the generator fails: all at once for a while, or now and then."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial

from perflab.experiments.strategies.arrivals import Arrivals, open_arrivals
from perflab.experiments.strategies.calls.asking import (
    POOLED,
    UPSTREAM,
    Asked,
    ask,
    counted,
    fresh_prompts,
    per_request,
    wait_for_phase,
    warm,
)
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.tails import tail

PER_S = 60.0


@dataclass(frozen=True)
class Burst:
    """When a trouble of the stand-in is on, in seconds from the start of its period; a test holds them equal."""

    from_s: float
    to_s: float
    period_s: float


INSTANT, SLOW_TO_FAIL = Burst(0.3, 0.7, 2.0), Burst(0.1, 1.1, 2.5)  # of burst503 and slow503
ANSWERED = FigureSpec("answered", "requests answered", "share", 0.01, lower_is_better=False, in_units=True)
RECOVERY = FigureSpec("recovery_ms", "last failure after the burst", "ms", 50.0, in_units=True)
WORST = FigureSpec("p99_ms", "response p99", "ms", 0.1)
REFUSAL = FigureSpec("refusal_ms", "time until a failure is told", "ms", 10.0, in_units=True)


def recovery_ms(failed_at_s: list[float], burst: Burst = INSTANT) -> float:
    """Return how long after its burst the last request still failed, in ms, the worst of all bursts; 0 for none.

    `failed_at_s`: seconds from the start of the block, which is the start of a period of the trouble.
    """
    after = [at % burst.period_s - burst.to_s for at in failed_at_s if at % burst.period_s >= burst.from_s]
    return 1000 * max([*after, 0.0])


def whole_periods(seconds: float, burst: Burst) -> float:
    """Return how long a block of a burst must last, in s: whole periods, at least `seconds`.

    A part of one would hold more of the trouble than its period does, and cut off what it leaves behind.
    """
    return burst.period_s * math.ceil(seconds / burst.period_s - 1e-9)


async def through_trouble(target: Target, burst: Burst | None) -> Work:
    """Ask for code while the generator fails; every block is of whole periods of the trouble, from their beginning."""
    import numpy as np

    seconds = whole_periods(target.seconds, burst) if burst else target.seconds
    prompts, asked = fresh_prompts(target, int(PER_S * seconds * 2 + 100)), Asked()
    failed_at: list[float] = []
    refusals_ms: list[float] = []
    if burst:
        await wait_for_phase(target, burst.period_s)
    began = time.perf_counter()

    async def send(i: int) -> bool:
        sent = time.perf_counter()
        answered = await ask(target, prompts[i], asked, i)
        if not answered:
            failed_at.append(time.perf_counter() - began)
            refusals_ms.append(1000 * (time.perf_counter() - sent))
        return answered

    async def work() -> Arrivals:
        return await open_arrivals(target.rng, PER_S, seconds, send)

    met, upstream = await counted(target, work)
    sent = met.latency_ms.size + met.failed
    figures = per_request(upstream, sent) | {
        ANSWERED.column: met.latency_ms.size / sent,
        WORST.column: tail(met.latency_ms, 0.99),
    }
    if burst:
        figures[RECOVERY.column] = recovery_ms(failed_at, burst)
        figures[REFUSAL.column] = float(np.mean(refusals_ms)) if refusals_ms else 0.0
    return Work(met.latency_ms, met.late_ms, met.failed, figures)


BURST = StrategyExperiment(
    key="burst503",
    strategy="ST-RES-01",
    strategies={"breaker=on": "ST-RES-02"},
    title="retry and breaker in a burst of 503",
    arms=("retry=jitter", "breaker=on", "retry=jitter+breaker=on"),
    base=POOLED,
    condition=f"{PER_S:g} requests/s for code that takes 20 ms; every call fails for 0.4 s of every 2 s",
    conditions={"generator": "const-20", "trouble": "burst503"},
    work=partial(through_trouble, burst=INSTANT),
    prepare=warm,
    first_s=0.0,
    figures=(ANSWERED, UPSTREAM, RECOVERY, WORST),
    fewer_failures=True,
    price="retries send up to four times the calls to a service that is down, and waits; an open breaker refuses for "
    "up to 0.5 s after the service is back",
    turns="retries pay while the failure is shorter than all their waits (0.35 to 0.65 s); a breaker where each failed "
    "call is dear (see the slow refusals) or the load keeps the service down",
)
SLOW = StrategyExperiment(
    key="slow503",
    strategy="ST-RES-02",
    title="breaker while failing is slow",
    arms=("breaker=on",),
    base=POOLED,
    condition=f"{PER_S:g} requests/s for code that takes 20 ms; for 1 s of every 2.5 s every call is refused, and only "
    "after 150 ms; 4 connections to the generator, so that calls which will fail keep others waiting",
    conditions={"generator": "const-20", "trouble": "slow503", "connections": "4"},
    work=partial(through_trouble, burst=SLOW_TO_FAIL),
    prepare=warm,
    first_s=0.0,
    figures=(ANSWERED, UPSTREAM, RECOVERY, REFUSAL, WORST),
    fewer_failures=True,
    price="an open breaker refuses for up to 0.5 s after the service is back, what would have been answered too",
    turns="failures that come at once (see the burst of 503), or callers who would rather wait than be refused",
)
FLAKY = StrategyExperiment(
    key="flaky503",
    strategy="ST-RES-01",
    title="retry of calls that fail now and then",
    arms=("retry=jitter",),
    base=POOLED,
    condition=f"{PER_S:g} requests/s for code that takes 20 ms; one call in twenty fails, each by itself",
    conditions={"generator": "const-20", "trouble": "flaky503"},
    work=partial(through_trouble, burst=None),
    prepare=warm,
    first_s=0.0,
    figures=(ANSWERED, UPSTREAM, WORST),
    fewer_failures=True,
    price="50 to 150 ms for a request that was tried again: the tail carries what failed before",
    turns="a call that is not idempotent must not be tried again after its connection was lost",
)
