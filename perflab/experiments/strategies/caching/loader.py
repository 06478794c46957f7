"""Clients ask for different rows at once: one query for each, or one for all that meet?"""

from __future__ import annotations

import asyncio
import hashlib
import time

import numpy as np

from perflab.experiments.strategies.caching.counters import counters
from perflab.experiments.strategies.caching.single_flight import ask, session_ids, some_sessions, store_reads, whose
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work

AT_ONCE, EVERY_S = 40, 0.1
QUERIES = FigureSpec("queries_per_100", "queries per 100 rows", "queries", 5.0, in_units=True, means=True)


async def gathered(target: Target) -> Work:
    """Ask for forty rows at once, of ten sessions in random order, ten times a second."""
    ids, took, failed = session_ids(target), [], 0
    told = hashlib.sha256()
    count = max(2, int(target.seconds / EVERY_S))
    before = await counters(target)
    for _ in range(count):
        due = time.perf_counter()
        wanted = target.rng.integers(0, len(ids), size=AT_ONCE)
        answers = await asyncio.gather(*(ask(target, f"{target.api}/api/sessions/{ids[i]}", due) for i in wanted))
        took += [ms for ms, status, _ in answers if status == 200]
        failed += sum(status != 200 for _, status, _ in answers)
        told.update(whose(answers).encode())
        await asyncio.sleep(max(0.0, due + EVERY_S - time.perf_counter()))
    after = await counters(target)
    asked = 100 * store_reads(before, after, count * AT_ONCE) / (count * AT_ONCE)
    return Work(np.array(took), np.zeros(0), failed, {QUERIES.column: asked}, "" if failed else told.hexdigest())


EXPERIMENT = StrategyExperiment(
    key="loader",
    strategy="ST-API-01",
    title="rows asked for at one time",
    arms=("loader=batched",),
    condition=f"{AT_ONCE} reads of 10 rows at once, ten times a second, session state in PostgreSQL on the "
    "gateway's core, no cache",
    work=gathered,
    prepare=some_sessions,
    base="baseline+store=postgres",
    figures=(QUERIES,),
    price="one failed query fails all who joined it; a turn of the event loop more for who comes alone",
    turns="reads that come one at a time: nothing gathers and the query with IN is no cheaper than the plain one",
)
