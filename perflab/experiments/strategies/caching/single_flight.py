"""A hundred clients ask for the same page at once, and no cache has it: how many queries, how long?"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence

import numpy as np

from perflab.experiments.strategies.caching.counters import Counters, counters
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.tails import tail

AT_ONCE, EVERY_S = 100, 0.25
LOADS = FigureSpec("loads_per_100", "store reads per 100 equal requests", "reads", 5.0, in_units=True, means=True)
P99 = FigureSpec("burst_p99_ms", "p99 of a burst", "ms", 0.10)
STORED = 10


async def some_sessions(target: Target) -> None:
    """Create the sessions that bursts will ask for, through the system itself: its store is a server."""
    for i in range(STORED):
        async with target.client.post(f"{target.api}/api/sessions", json={"user": f"user {i}"}) as answer:
            answer.raise_for_status()
            target.running.trial_dir.joinpath(f"session-{i}").write_text(str((await answer.json())["id"]))


def session_ids(target: Target) -> list[int]:
    """Return the ids of the sessions that the preparation has made."""
    return [int(target.running.trial_dir.joinpath(f"session-{i}").read_text()) for i in range(STORED)]


async def bursts(target: Target) -> Work:
    """Ask a hundred times at once for one session's row, every quarter of a second, each time for another session."""
    ids, took, failed = session_ids(target), [], 0
    told = hashlib.sha256()
    count = max(2, int(target.seconds / EVERY_S))
    before = await counters(target)
    for burst in range(count):
        url = f"{target.api}/api/sessions/{ids[burst % STORED]}"
        due = time.perf_counter()
        answers = await asyncio.gather(*(ask(target, url, due) for _ in range(AT_ONCE)))
        good = [ms for ms, status, _ in answers if status == 200]
        took += good
        failed += AT_ONCE - len(good)
        told.update(whose(answers).encode())
        await asyncio.sleep(max(0.0, due + EVERY_S - time.perf_counter()))
    after = await counters(target)
    loads = 100 * store_reads(before, after, count * AT_ONCE) / (count * AT_ONCE)
    figures = {LOADS.column: loads, P99.column: tail(took, 0.99)}
    return Work(np.array(took), np.zeros(0), failed, figures, "" if failed else told.hexdigest())


async def ask(target: Target, url: str, due: float) -> tuple[float, int, bytes]:
    """Return how long after it was due an answer came (ms), its status and its body."""
    async with target.client.get(url) as answer:
        body = await answer.read()
        return 1000 * (time.perf_counter() - due), answer.status, body


def whose(answers: Sequence[tuple[float, int, bytes]]) -> str:
    """Return whose rows came, in the order of asking: an answer that was meant for another is seen by it."""
    return "".join(f"{json.loads(body)['user']}\n" if status == 200 else "\n" for _, status, body in answers)


def store_reads(before: Counters, after: Counters, requests: int) -> float:
    """Return how many reads reached the store; all requests where the system shares and gathers nothing."""
    for name in ("gateway_state_gathered_queries", "gateway_state_flights"):
        if any(series.startswith(name) for series in after.values):
            return after.since(before, name)
    return float(requests)


EXPERIMENT = StrategyExperiment(
    key="single-flight",
    strategy="ST-API-03",
    title="equal reads that meet",
    arms=("single_flight=on",),
    condition=f"{AT_ONCE} equal reads at once, four times a second, session state in PostgreSQL on the "
    "gateway's core, no cache",
    work=bursts,
    prepare=some_sessions,
    base="baseline+store=postgres",
    figures=(LOADS, P99),
    price="a failure is everybody's; one slow load holds up all who joined it; it shares within one process only",
    turns="reads that do not overlap: a store that answers on the event loop (SQLite here) never has two under way, "
    "and a cache that hits leaves nothing to share",
)
