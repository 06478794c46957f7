"""How should a cached value grow old? One client writes and looks, others read."""

from __future__ import annotations

import asyncio
import time

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.caching.counters import counters
from perflab.experiments.strategies.caching.zipf_reads import LOADS, PER_S, drawn_paths, loads_per_read
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import fill

LOOK_S, GIVE_UP_S = 0.01, 5.0
STALE = FigureSpec("stale_ms", "longest staleness after a write", "ms", 50.0, in_units=True)


async def read_beside_a_writer(target: Target) -> Work:
    """Read by Zipf's law; meanwhile write a summary to a session and look how long its list does not show it."""
    paths = drawn_paths(target.rng, int(PER_S * target.seconds * 2 + 100))

    async def send(i: int) -> bool:
        async with target.client.get(target.api + paths[i]) as answer:
            await answer.read()
            return answer.status == 200

    before = await counters(target)
    stale, met = await asyncio.gather(
        _longest_staleness_ms(target), open_arrivals(target.rng, PER_S, target.seconds, send)
    )
    after = await counters(target)
    figures = {STALE.column: stale, LOADS.column: loads_per_read(before, after, met.latency_ms.size)}
    return Work(met.latency_ms, met.late_ms, met.failed, figures)


async def _longest_staleness_ms(target: Target) -> float:
    """Return the longest time from a write's acknowledgement to the first answer that shows it, ms."""
    session = f"{target.api}/api/sessions/2"
    longest, until = 0.0, time.perf_counter() + target.seconds
    while time.perf_counter() < until:
        await newest(target, session)
        async with target.client.post(f"{session}/summary") as answer:
            answer.raise_for_status()
            written = int((await answer.json())["id"])
        acknowledged = seen = time.perf_counter()
        while await newest(target, session) < written and seen - acknowledged < GIVE_UP_S:
            await asyncio.sleep(LOOK_S)
            seen = time.perf_counter()
            longest = max(longest, 1000 * (seen - acknowledged))
        await asyncio.sleep(0.1)
    return longest


async def newest(target: Target, session: str) -> int:
    """Return the id of the newest artefact that a session's list shows; 0 for none."""
    async with target.client.get(f"{session}/code", params={"limit": "1"}) as answer:
        rows = await answer.json()
    return int(rows[0]["id"]) if rows else 0


EXPERIMENT = StrategyExperiment(
    key="cache-invalidation",
    strategy="ST-CACHE-15",
    strategies={"invalidation=event": "ST-CACHE-11"},
    title="how cached values grow old",
    arms=("invalidation=ttl", "invalidation=event"),
    condition=f"{PER_S:g} reads/s by Zipf's law, a writer that looks every 10 ms for its own writes (those "
    "looks are in the CPU); both levels, against versions",
    work=read_beside_a_writer,
    prepare=fill,
    base="baseline+cache=l1_l2",
    figures=(STALE, LOADS),
    price="ttl: a client does not see its own write for up to a second; event: a connection that listens, and an "
    "announcement for each write that every worker must take",
    turns="one worker: nobody is there to be told, and versions in the process do the same; many workers with few "
    "writes: announcing is the only one that keeps their own levels true",
)
