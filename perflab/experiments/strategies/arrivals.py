"""Open arrivals: requests leave when they are due, however slow the answers are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from perflab.errors import UsageError

MOST_IN_FLIGHT = 4_000  # beyond it a request is refused here and counts as failed: memory stays bounded
DRAIN_S = 20.0
TURNS_S = 0.001


@dataclass(frozen=True)
class Arrivals:
    """What open arrivals met, in order of when they were due.

    `latency_ms` float64 [answered], from due to answered; `late_ms` float64 [sent], from due to sent; `answered` int
    [answered], the numbers of the requests that `latency_ms` is of.
    """

    latency_ms: np.ndarray
    late_ms: np.ndarray
    failed: int
    answered: np.ndarray


def poisson_times(rng: np.random.Generator, per_s: float, seconds: float) -> np.ndarray:
    """Return the times of independent arrivals at a mean rate, in seconds from the start, float64 rising.

    A Poisson process as sums of exponential gaps; `per_s` and `seconds` above 0, else UsageError.
    """
    if not (per_s > 0 and seconds > 0):
        raise UsageError(f"Arrivals of {per_s:g} per second for {seconds:g} s", "both must be above 0")
    gaps = rng.exponential(1 / per_s, size=int(per_s * seconds * 2 + 100))
    times = np.cumsum(gaps)
    return np.asarray(times[times < seconds])


async def open_arrivals(
    rng: np.random.Generator, per_s: float, seconds: float, send: Callable[[int], Awaitable[bool]]
) -> Arrivals:
    """Send Poisson arrivals for a while, wait for the answers, and return how long each took from when it was DUE.

    `send(i)` does request i and returns whether it was answered as it should; one that raises a network error counts
    as failed. Why from when it was due: a system that stalls holds up later requests too, and a client that times
    from when it could send hides that (coordinated omission, Tene 2013).
    Weakness: one thread sends; `late_ms` tells whether it kept its schedule, and whoever judges must look at it.
    """
    return await arrivals_at(poisson_times(rng, per_s, seconds), send)


async def arrivals_at(times: np.ndarray, send: Callable[[int], Awaitable[bool]]) -> Arrivals:
    """Send request i at `times[i]` seconds from now (float64, rising); as `open_arrivals` otherwise."""
    latency, late = np.full(len(times), np.nan), np.full(len(times), np.nan)
    flying: set[asyncio.Task[None]] = set()
    start = time.perf_counter() + 0.005

    async def one(i: int, due: float) -> None:
        late[i] = time.perf_counter() - due
        try:
            answered = await send(i)
        except (OSError, TimeoutError, _client_error()):
            answered = False
        if answered:
            latency[i] = time.perf_counter() - due

    for i, at in enumerate(times):
        due = start + float(at)
        # uvloop rounds a sleep to whole milliseconds: the last is waited turn by turn, so that nothing leaves early.
        await asyncio.sleep(max(due - time.perf_counter() - TURNS_S, 0))
        while time.perf_counter() < due:
            await asyncio.sleep(0)
        if len(flying) < MOST_IN_FLIGHT:
            task = asyncio.create_task(one(i, due))
            flying.add(task)
            task.add_done_callback(flying.discard)
    if flying:
        asked = set(flying)
        _, unanswered = await asyncio.wait(asked, timeout=DRAIN_S)
        for task in unanswered:
            task.cancel()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
    answered = np.flatnonzero(np.isfinite(latency))
    sent = late[np.isfinite(late)]
    return Arrivals(latency[answered] * 1000, sent * 1000, len(times) - answered.size, answered)


def _client_error() -> type[Exception]:
    import aiohttp

    return aiohttp.ClientError
