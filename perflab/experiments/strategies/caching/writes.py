"""What should a write do to the cache? Sessions are created and read back at once."""

from __future__ import annotations

import time

import numpy as np

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.caching.counters import counters
from perflab.experiments.strategies.caching.zipf_reads import drawn_paths
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import fill
from perflab.experiments.strategies.tails import tail

PER_S, WRITE_SHARE = 60.0, 0.4
WRITE_MS = FigureSpec("write_p95_ms", "write p95", "ms", 0.10)
AFTER_WRITE = FigureSpec("read_back_ms", "read after write, median", "ms", 0.10)
MISSES = FigureSpec("misses_per_request", "cache misses per request", "of a request", 0.05, in_units=True, means=True)


async def write_and_read_back(target: Target) -> Work:
    """Create sessions and read each back once, beside reads by Zipf's law; a row that is not as written fails."""
    count = int(PER_S * target.seconds * 2 + 100)
    writes, paths = target.rng.random(count) < WRITE_SHARE, drawn_paths(target.rng, count)
    write_ms: list[float] = []
    back_ms: list[float] = []

    async def send(i: int) -> bool:
        if not writes[i]:
            async with target.client.get(target.api + paths[i]) as answer:
                await answer.read()
                return answer.status == 200
        began = time.perf_counter()
        body = {"user": f"user {target.block}.{i}"}
        async with target.client.post(f"{target.api}/api/sessions", json=body) as answer:
            made = await answer.json()
        acknowledged = time.perf_counter()
        async with target.client.get(f"{target.api}/api/sessions/{made['id']}") as answer:
            found = await answer.json()
        write_ms.append(1000 * (acknowledged - began))
        back_ms.append(1000 * (time.perf_counter() - acknowledged))
        return bool(found == made)

    before = await counters(target)
    met = await open_arrivals(target.rng, PER_S, target.seconds, send)
    missed = (await counters(target)).since(before, "gateway_cache_misses")
    figures = {
        WRITE_MS.column: tail(write_ms, 0.95),
        AFTER_WRITE.column: float(np.median(back_ms)),
        MISSES.column: missed / (met.latency_ms.size + len(write_ms)),
    }
    return Work(met.latency_ms, met.late_ms, met.failed, figures)


EXPERIMENT = StrategyExperiment(
    key="cache-write",
    strategy="ST-CACHE-08",
    strategies={"cache_write=behind": "ST-CACHE-09", "cache_write=ahead": "ST-CACHE-10"},
    title="what a write does to the cache",
    arms=("cache_write=through", "cache_write=behind", "cache_write=ahead"),
    condition=f"{PER_S:g} requests/s, {100 * WRITE_SHARE:g} % create a session and read it back; SQLite synced at each "
    "write, cache in process, against cache-aside",
    work=write_and_read_back,
    prepare=fill,
    base="baseline+cache=l1",
    figures=(WRITE_MS, AFTER_WRITE, MISSES),
    price="through: the writer loads what readers ask for; behind: a crash loses the last moment's acknowledged writes "
    "(counted below) and ids are not the store's; ahead: loads that nobody may ask for",
    turns="through: writes that nobody reads back; behind: wherever an acknowledged write must stand; ahead: keys read "
    "less than about twice in their time to live",
)
