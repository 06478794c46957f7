"""Retries and a circuit breaker while the generator fails: all at once for a while, or now and then."""

from __future__ import annotations

import time
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

PER_S = 60.0
BURST_FROM_S, BURST_TO_S, PERIOD_S = 0.3, 0.7, 2.0  # of the stand-in's trouble burst503; a test holds them equal
ANSWERED = FigureSpec("answered", "requests answered", "share", 0.01, lower_is_better=False, in_units=True)
RECOVERY = FigureSpec("recovery_ms", "last failure after the burst", "ms", 50.0, in_units=True)
WORST = FigureSpec("p99_ms", "response p99", "ms", 0.1)


def recovery_ms(failed_at_s: list[float]) -> float:
    """Return how long after its burst the last request still failed, in ms, the worst of all bursts; 0 for none.

    `failed_at_s`: seconds from the start of the block, which is the start of a period of the trouble.
    """
    after = [at % PERIOD_S - BURST_TO_S for at in failed_at_s if at % PERIOD_S >= BURST_FROM_S]
    return 1000 * max([*after, 0.0])


async def through_trouble(target: Target, period_s: float) -> Work:
    """Ask for code while the generator fails; every block begins at the same moment of the trouble."""
    import numpy as np

    prompts, asked, failed_at = fresh_prompts(target, int(PER_S * target.seconds * 2 + 100)), Asked(), []
    if period_s:
        await wait_for_phase(target, period_s)
    began = time.perf_counter()

    async def send(i: int) -> bool:
        answered = await ask(target, prompts[i], asked, i)
        if not answered:
            failed_at.append(time.perf_counter() - began)
        return answered

    async def work() -> Arrivals:
        return await open_arrivals(target.rng, PER_S, target.seconds, send)

    met, upstream = await counted(target, work)
    sent = met.latency_ms.size + met.failed
    figures = per_request(upstream, sent) | {
        ANSWERED.column: met.latency_ms.size / sent,
        WORST.column: float(np.quantile(met.latency_ms, 0.99)),
    }
    if period_s:
        figures[RECOVERY.column] = recovery_ms(failed_at)
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
    work=partial(through_trouble, period_s=PERIOD_S),
    prepare=warm,
    figures=(ANSWERED, UPSTREAM, RECOVERY, WORST),
    fewer_failures=True,
    price="retries send up to four times the calls to a service that is down, and waits; an open breaker refuses for "
    "up to 0.5 s after the service is back",
    turns="retries pay while the failure is shorter than all their waits (0.35 to 0.65 s); a breaker where each failed "
    "call is dear (a timeout, not an instant 503) or the load keeps the service down",
)
FLAKY = StrategyExperiment(
    key="flaky503",
    strategy="ST-RES-01",
    title="retry of calls that fail now and then",
    arms=("retry=jitter",),
    base=POOLED,
    condition=f"{PER_S:g} requests/s for code that takes 20 ms; one call in twenty fails, each by itself",
    conditions={"generator": "const-20", "trouble": "flaky503"},
    work=partial(through_trouble, period_s=0.0),
    prepare=warm,
    figures=(ANSWERED, UPSTREAM, WORST),
    fewer_failures=True,
    price="50 to 150 ms for a request that was tried again: the tail carries what failed before",
    turns="a call that is not idempotent must not be tried again after its connection was lost",
)
