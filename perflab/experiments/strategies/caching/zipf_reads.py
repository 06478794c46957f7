"""Reads of sessions, pages and code by Zipf's law at open arrivals, with a share of writes that make pages old."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.caching.counters import Counters, counters
from perflab.experiments.strategies.experiment import FigureSpec, Target, Work
from perflab.experiments.strategies.payloads.content import ARTEFACTS, SESSIONS

PER_S, SKEW, WRITE_SHARE = 120.0, 1.0, 0.05
TTL_S = 1.0  # of the gateway's caches; a test holds them equal
LOADS = FigureSpec("loads_per_request", "store reads per request", "of a request", 0.05, in_units=True, means=True)
PATHS = (
    *(f"/api/sessions/{s}" for s in range(1, SESSIONS + 1)),
    *(f"/api/sessions/{s}/history?limit=20" for s in range(1, SESSIONS + 1)),
    *(f"/api/sessions/{s}/code?limit=5" for s in range(1, SESSIONS + 1)),
    *(f"/api/code/{a}" for a in range(1, SESSIONS * ARTEFACTS + 1)),
)
CONDITION = f"{PER_S:g} requests/s by Zipf's law (exponent 1) for {len(PATHS)} reads"
MIX = (
    f"{CONDITION}, and {100 * WRITE_SHARE:g} % writes among them (response is that of the reads; CPU is per read, with "
    "the writes' in it)"
)


def drawn_paths(rng: np.random.Generator, count: int) -> list[str]:
    """Return `count` reads; which path is how popular is drawn once for all blocks, so that a cache can learn it."""
    order = np.random.default_rng(1).permutation(len(PATHS))
    weight = np.arange(1, len(PATHS) + 1, dtype=np.float64) ** -SKEW
    return [PATHS[order[i]] for i in rng.choice(len(PATHS), size=count, p=weight / weight.sum())]


async def fill_cache(target: Target, write_share: float = WRITE_SHARE) -> None:
    """Send the mix for as long as values stay valid: a short block on an empty cache sees little else but misses."""
    await read_and_write(replace(target, seconds=TTL_S), write_share)


async def read_and_write(target: Target, write_share: float = WRITE_SHARE) -> Work:
    """Send the mix; latency and store reads are the reads', failures are those of all.

    Why the reads' alone: the writes are 5 % of the requests and slower, so that p95 of both would lie on the border
    between them and say how many there were by chance.
    """
    count = int(PER_S * target.seconds * 2 + 100)
    paths, writes = drawn_paths(target.rng, count), target.rng.random(count) < write_share
    sessions = target.rng.integers(1, SESSIONS + 1, size=count)
    told: dict[int, bytes] = {}

    async def send(i: int) -> bool:
        if writes[i]:
            url = f"{target.api}/api/sessions/{sessions[i]}/summary"
            async with target.client.post(url) as answer:
                await answer.read()
                return answer.status == 201
        async with target.client.get(target.api + paths[i]) as answer:
            body = await answer.read()
            if "/code/" in paths[i]:  # what no write changes must be the same in every arm
                told[i] = body
            return answer.status == 200

    before = await counters(target)
    met = await open_arrivals(target.rng, PER_S, target.seconds, send)
    after = await counters(target)
    digest = hashlib.sha256(b"".join(told[i] for i in sorted(told))).hexdigest()
    of_reads = met.latency_ms[~writes[met.answered]]
    figures = {LOADS.column: loads_per_read(before, after)}
    return Work(of_reads, met.late_ms, met.failed, figures, digest)


def loads_per_read(before: Counters, after: Counters) -> float:
    """Return the reads that reached the store, per read that the cache saw.

    1 for a system without a cache, which counts none.
    """
    reads = after.since(before, "gateway_cache_hits") + after.since(before, "gateway_cache_misses")
    if not reads:
        return 1.0
    return (after.since(before, "gateway_cache_loads") - after.since(before, "gateway_cache_refreshes")) / reads
