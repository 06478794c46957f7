"""How should a cached value grow old? One client writes and looks, others read."""

from __future__ import annotations

import asyncio
from functools import partial

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.caching.counters import counters
from perflab.experiments.strategies.caching.watching import LOOK_EVERY_S, WRITE_EVERY_S, newest, stale_ms
from perflab.experiments.strategies.caching.zipf_reads import LOADS, PER_S, TTL_S, drawn_paths, loads_per_read
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import fill

AFTER_S = 1.2 * TTL_S  # by then a value that nobody invalidates has run out
STALE = FigureSpec("stale_ms", "longest staleness after a write", "ms", 50.0, in_units=True)
# The caches' counters do not tell reads from looks; the looks are the same number in every arm.
LOADS_WITH_LOOKS = FigureSpec(
    "loads_per_read_or_look", "store reads per read or look", LOADS.unit, 0.05, in_units=True, means=True
)


async def read_beside_a_writer(target: Target) -> Work:
    """Read by Zipf's law; meanwhile write summaries to a session and look how long its list does not show them."""
    paths = drawn_paths(target.rng, int(PER_S * target.seconds * 2 + 100))
    session = f"{target.api}/api/sessions/2"

    async def send(i: int) -> bool:
        async with target.client.get(target.api + paths[i]) as answer:
            await answer.read()
            return answer.status == 200

    before = await counters(target)
    stale, met = await asyncio.gather(
        stale_ms(target.seconds, AFTER_S, partial(_summarise, target, session), partial(newest, target, session)),
        open_arrivals(target.rng, PER_S, target.seconds, send),
    )
    after = await counters(target)
    figures = {STALE.column: float(stale.max()), LOADS_WITH_LOOKS.column: loads_per_read(before, after)}
    return Work(met.latency_ms, met.late_ms, met.failed, figures)


async def _summarise(target: Target, session: str) -> int:
    async with target.client.post(f"{session}/summary") as answer:
        answer.raise_for_status()
        return int((await answer.json())["id"])


EXPERIMENT = StrategyExperiment(
    key="cache-invalidation",
    strategy="ST-CACHE-15",
    strategies={"invalidation=event": "ST-CACHE-11"},
    title="how cached values grow old",
    arms=("invalidation=ttl", "invalidation=event"),
    condition=f"{PER_S:g} reads/s by Zipf's law; a write every {1000 * WRITE_EVERY_S:g} ms and a look for it every "
    f"{1000 * LOOK_EVERY_S:g} ms, and looks for {AFTER_S:g} s more: as many in every arm, all in the CPU per read; "
    "both levels, against versions, Redis on the gateway's core",
    work=read_beside_a_writer,
    prepare=fill,
    base="baseline+cache=l1_l2",
    figures=(STALE, LOADS_WITH_LOOKS),
    price="ttl: a client does not see its own write for up to a second (other times to live: F22-ttl); event: a "
    "connection that listens, and an announcement for each write that every worker must take",
    turns="one worker: nobody is there to be told, and versions in the process do the same; many workers with few "
    "writes: announcing is the only one that keeps their own levels true",
)
