"""The process that uses a store as a gateway does: one event loop, operations as they arrive, each timed from when due.

``python -m perflab.benches.state.client JSON OUT`` with the fields of `Load`; URLs come from the gateway's variables.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from perflab.benches.state.load import NO_STORE, READ_HISTORY, READ_SESSION, WRITE_TURN, Load
from perflab.benches.state.nothing import Accessed, Nothing
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateUnavailable, StoreSettings
from perflab.gateway.session.turn import Turn
from perflab.gateway.settings import POSTGRES_URL, REDIS_URL
from perflab.load.arrivals import poisson_schedule
from perflab.load.plan import LoadPlan

LAST_ID, PAGE = 1 << 62, 6


def work(load: Load) -> list[tuple[float, int, int]]:
    """Return when each arrival is due (s), what it does and to which session: the same for every store."""
    plan = LoadPlan(
        name="state", host="", endpoints={}, users={}, primary="", steps=(), duration_s=load.seconds, out_dir="",
        seed=load.seed, arrivals_per_s=load.rate_per_s,
    )  # fmt: skip
    draw = random.Random(f"{load.seed}:state")
    kinds = (WRITE_TURN, READ_SESSION, READ_HISTORY)
    weights = (load.writes, (1 - load.writes) / 2, (1 - load.writes) / 2)
    return [(at, draw.choices(kinds, weights)[0], draw.randint(1, load.sessions)) for at in poisson_schedule(plan)]


async def one(state: Accessed, kind: int, session: int) -> bool:
    """Do one operation and say whether it was answered."""
    try:
        if kind == WRITE_TURN:
            turn = Turn(1, heard=["what is this"], said=["a test of writing"], outcome="ok")
            await state.record_turn(session, turn)
            return True
        found: Any = (
            await state.history(session, LAST_ID, PAGE) if kind == READ_HISTORY else await state.session(session)
        )
        return bool(found)
    except StateUnavailable:
        return False


async def drive(state: Accessed, arrivals: list[tuple[float, int, int]]) -> np.ndarray:
    """Start every operation when it is due, whatever those before it do; rows of kind, due, begun, ended (s), ok."""
    rows = np.zeros((len(arrivals), 5))
    begin = time.perf_counter() + 0.2
    tasks = set()

    async def run(index: int, kind: int, session: int, due: float) -> None:
        begun = time.perf_counter() - begin
        answered = await one(state, kind, session)
        rows[index] = kind, due, begun, time.perf_counter() - begin, answered

    for index, (due, kind, session) in enumerate(arrivals):
        while (left := begin + due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        task = asyncio.create_task(run(index, kind, session, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return rows


def store_of(load: Load) -> Accessed:
    """Return the gateway's store that is asked for, or none at all."""
    if load.store == NO_STORE:
        return Nothing()
    settings = StoreSettings(
        Path(load.path), "full", postgres_url=os.environ.get(POSTGRES_URL, ""),
        redis_url=os.environ.get(REDIS_URL, ""), pool=load.pool,
    )  # fmt: skip
    state: Accessed = implementation("store", load.store).build(settings, lambda sql: sql)
    return state


async def _main(load: Load, out: Path) -> None:
    state, arrivals = store_of(load), work(load)
    state.open()
    await asyncio.gather(*(state.session(1) for _ in range(4 * load.pool)))  # connections are opened before the clock
    cpu = time.process_time()
    rows = await drive(state, arrivals)
    np.savez(out, rows=rows, cpu_s=time.process_time() - cpu, durability=state.durability)
    await state.close()


if __name__ == "__main__":
    given = Load(**json.loads(sys.argv[1]))
    if given.core >= 0:
        os.sched_setaffinity(0, {given.core})
    uvloop.run(_main(given, Path(sys.argv[2])))
