"""Workers that take jobs from a table: waiting for each other's locks, skipping what is locked, or claiming shortly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory

WORKERS, JOBS, WORK_S = 6, 24, 0.004
TAKE = "SELECT id FROM jobs WHERE state = 'waiting' ORDER BY id LIMIT 1 FOR UPDATE"
CLAIM = f"UPDATE jobs SET state = 'claimed' WHERE id = ({TAKE} SKIP LOCKED) RETURNING id"
DONE = "UPDATE jobs SET state = 'done', runs = runs + 1 WHERE id = $1"
Take = Callable[[Any], Awaitable[bool]]


async def wait_for_lock(connection: Any, skip: str = "") -> bool:
    """Take, work and finish inside one transaction; the row stays locked while the job is done."""
    async with connection.transaction():
        job = await connection.fetchval(f"{TAKE}{skip}")
        if job is None:
            return False
        await asyncio.sleep(WORK_S)
        await connection.execute(DONE, job)
        return True


async def skip_locked(connection: Any) -> bool:
    """The same, but a row that another worker holds is passed by."""
    return await wait_for_lock(connection, " SKIP LOCKED")


async def claim_shortly(connection: Any) -> bool:
    """Claim in a transaction of its own, work without one, then mark as done."""
    job = await connection.fetchval(CLAIM)
    if job is None:
        return False
    await asyncio.sleep(WORK_S)
    await connection.execute(DONE, job)
    return True


def job_queue(lab: Laboratory) -> Contest:
    """Let six workers empty a queue; a job's time runs from when the queue was filled until it is done."""
    lab.execute("DROP TABLE IF EXISTS jobs", "CREATE TABLE jobs (id BIGINT PRIMARY KEY, state TEXT, runs INT)")
    connections = [lab.connect() for _ in range(WORKERS)]

    async def emptied(take: Take) -> Done:
        first = connections[0]
        await first.execute("TRUNCATE jobs")
        await first.execute("INSERT INTO jobs SELECT i, 'waiting', 0 FROM generate_series(1, $1) AS i", JOBS)
        began, ended = time.perf_counter(), list[float]()

        async def worker(connection: Any) -> None:
            while len(ended) < JOBS:
                if await take(connection):
                    ended.append(1e3 * (time.perf_counter() - began))
                else:  # nothing to take: others have the last ones in hand (or a waiter saw a row that was just done)
                    await asyncio.sleep(0.001)

        await asyncio.gather(*(worker(connection) for connection in connections))
        runs = await first.fetch("SELECT runs, state FROM jobs ORDER BY id")
        return Done(np.array(ended), repr([tuple(row) for row in runs]))  # every job once: the same in all ways

    def way(take: Take) -> Work:
        return lambda rng: lab.run(emptied(take))

    return Contest(
        key="job-queue", strategy="ST-STATE-12", title="a queue of jobs in a table", pids=lab.postgres,
        condition=f"{WORKERS} workers, {JOBS} jobs of {1e3 * WORK_S:g} ms",
        ways={"lock, wait, work": way(wait_for_lock), "SKIP LOCKED": way(skip_locked),
              "claim shortly, then work": way(claim_shortly)},
        gives_up=dict.fromkeys(("SKIP LOCKED", "claim shortly, then work"), "the strict order"),
        price="the order is no longer strict; what was claimed by a worker that died must be found and freed",
        turns="one worker alone; jobs that must be done in order",
    )  # fmt: skip
