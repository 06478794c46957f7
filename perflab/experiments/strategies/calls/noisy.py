"""A noisy tenant beside a quiet one: bulkheads and rate limits."""

from __future__ import annotations

import numpy as np

from perflab.experiments.strategies.arrivals import Arrivals, arrivals_at, poisson_times
from perflab.experiments.strategies.calls.asking import POOLED, Asked, ask, fresh_prompts, warm
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.tails import tail

QUIET_PER_S = 12.0  # within what one session may ask for (20 calls/s): whoever is above is no victim
CROWD, EVERY_S, FIRST_S = 40, 1.0, 0.1
APART_S = 0.001  # all at one moment, the last would be sent as late as one client takes to send 40, 10 ms on a slow day
POOL = 16
LEAST_S = 4.0  # 48 of the quiet session's on average: every block holds the 20 that make a p95
SETTLE_S = 2.0  # two crowds: a full bucket and the places taken, as they stay while the noise goes on
NOISY, QUIET = 1, 2  # the sessions
VICTIM = FigureSpec("victim_p95_ms", "quiet session's p95", "ms", 0.1)
SERVED = FigureSpec("noisy_answered", "noisy session's requests answered", "share", 0.02, lower_is_better=False,
                    in_units=True)  # fmt: skip
QUIET_SERVED = FigureSpec("quiet_answered", "quiet session's requests answered", "share", 0.02, lower_is_better=False,
                          in_units=True)  # fmt: skip


def due_times(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Return when requests are due (s, rising) and whose they are: Poisson of the quiet, crowds of the noisy one."""
    quiet = poisson_times(rng, QUIET_PER_S, seconds)
    noisy = np.add.outer(np.arange(FIRST_S, seconds, EVERY_S), APART_S * np.arange(CROWD)).ravel()
    noisy = noisy[noisy < seconds]
    times, whose = np.concatenate([quiet, noisy]), np.repeat([QUIET, NOISY], [quiet.size, noisy.size])
    order = np.argsort(times, kind="stable")
    return times[order], whose[order]


async def side_by_side(target: Target) -> Work:
    """Let one session send a crowd of requests every second while another asks at a steady rate.

    The quiet session's p95 is of all that it asked for: one in twenty refused leaves it no p95 at all. A block lasts at
    least LEAST_S: in a shorter one it asks too seldom for a p95.
    """
    return await _together(target, max(target.seconds, LEAST_S))


async def _together(target: Target, seconds: float) -> Work:
    times, whose = due_times(target.rng, seconds)
    prompts, asked = fresh_prompts(target, times.size), Asked()

    async def send(i: int) -> bool:
        return await ask(target, prompts[i], asked, i, int(whose[i]))

    met: Arrivals = await arrivals_at(times, send)
    waits = np.full(times.size, np.inf)
    waits[met.answered] = met.latency_ms
    figures = {
        VICTIM.column: tail(waits[whose == QUIET], 0.95),
        SERVED.column: float(np.mean(np.isfinite(waits[whose == NOISY]))),
        QUIET_SERVED.column: float(np.mean(np.isfinite(waits[whose == QUIET]))),
    }
    return Work(met.latency_ms, met.late_ms, met.failed, figures)


async def settle(target: Target) -> None:
    """Let both ask for a while: a bucket that is still empty lets a crowd through which a lasting one does not."""
    await _together(target, SETTLE_S)


EXPERIMENT = StrategyExperiment(
    key="noisy",
    strategy="ST-RES-03",
    strategies={"rate_limit=on": "ST-API-06"},
    title="a noisy session beside a quiet one",
    arms=("bulkhead=on", "rate_limit=on"),
    base=POOLED,
    condition=f"one session sends {CROWD} requests within {1e3 * CROWD * APART_S:g} ms every second, another "
    f"{QUIET_PER_S:g}/s; {POOL} connections to a generator that takes about 120 ms; 8 calls at a time or 20 calls/s "
    f"for each session, after {SETTLE_S:g} s of the same",
    conditions={"connections": str(POOL)},
    work=side_by_side,
    prepare=warm,
    warm=settle,
    figures=(VICTIM, SERVED, QUIET_SERVED),
    fewer_failures=True,
    price="the noisy one waits longer or is refused, also while nobody else wants what is left free",
    turns="does nothing for the quiet one where the pool is never full; harms a lone burst that nobody else minds, and "
    "an honest caller above the rate, who waits up to 1 s for every call and is then refused",
)
