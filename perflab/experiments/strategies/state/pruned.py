"""Does a window of the newest turns pay, for an operation that reads the whole past?"""

from __future__ import annotations

import asyncio

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work
from perflab.experiments.strategies.state.filling import SESSIONS, fill

PER_S, TURNS, USED = 25.0, 300, 40


async def prepare(target: Target) -> None:
    """Write sessions with a long past and sum each one up, as the end of a lesson does; that clears what is old."""
    await fill(target, turns=TURNS)
    for session in range(1, USED + 1):
        async with target.client.post(f"{target.api}/api/sessions/{session}/summary") as answer:
            answer.raise_for_status()
    await asyncio.sleep(0.5)  # clearing is done beside the work


async def sum_up(target: Target) -> Work:
    """Ask for summaries of sessions at open arrivals; they differ by what each arm has kept, and are not compared."""
    sessions = target.rng.integers(1, USED + 1, size=int(PER_S * target.seconds * 2 + 100)).tolist()

    async def send(i: int) -> bool:
        async with target.client.post(f"{target.api}/api/sessions/{sessions[i]}/summary") as answer:
            await answer.read()
            return answer.status == 201

    met = await open_arrivals(target.rng, PER_S, target.seconds, send)
    return Work(met.latency_ms, met.late_ms, met.failed)


EXPERIMENT = StrategyExperiment(
    key="pruned",
    strategy="ST-STATE-19",
    title="a window of the newest turns",
    arms=("history=pruned",),
    condition=f"{PER_S:g} summaries/s of sessions that had {TURNS} turns ({SESSIONS} of them in the store)",
    work=sum_up,
    prepare=prepare,
    price="the words of turns before the newest 50 are gone; what a summary says of them is all that is left; "
    "no memory per session is told: the past is filled into the store's file, past the gateway's process",
    turns="sessions that never reach the window; a past that somebody will ask for",
)
