"""What a session costs in memory: how much the system grows while sessions are filled into its store."""

from __future__ import annotations

import asyncio

from perflab.experiments.strategies.arm import memory_mb
from perflab.experiments.strategies.experiment import FigureSpec, Target
from perflab.experiments.strategies.state.filling import SESSIONS, SETTLE_S, fill

PER_SESSION = FigureSpec("memory_per_session_kb", "memory per session", "kB", 5.0, in_units=True)


async def weighed_fill(target: Target, turns: int) -> dict[str, float]:
    """Fill the store and return by how many kB the system and its servers grew for each session, 10^3 bytes.

    The gateway is asked before, so that its connections are no session's price. Why resident memory and not what a
    server says of itself: it is the same measure for all stores. Weakness: what lies in a file, or in the operating
    system's cache of it, counts nothing, and PostgreSQL's shared buffers count once for each process that touched them.
    """
    async with target.client.get(f"{target.api}/api/sessions/1") as answer:
        await answer.read()
    await asyncio.sleep(SETTLE_S)
    before = memory_mb(target.running)
    await fill(target, turns)
    return {PER_SESSION.column: 1e3 * (memory_mb(target.running) - before) / SESSIONS}
