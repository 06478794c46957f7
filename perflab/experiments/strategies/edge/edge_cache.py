"""A shared cache before the API (nginx, where the machine has it): reads for a second, with and without stale ones."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import numpy as np

from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import BASE, FigureSpec, StrategyExperiment, Target, Work
from perflab.system.launch import RunningSystem
from perflab.system.servers.server import required, start_server

READS_PER_S, ARTEFACTS, SKEW = 250.0, 60, 1.0
PROBE_EVERY_S = 0.02
SETTINGS: dict[str, dict[str, float | bool]] = {
    "edge=1s": {"valid_s": 1.0},
    "edge=1s-stale": {"valid_s": 1.0, "lock": True, "stale": True},
}


def missing() -> str:
    """Return why this cannot be measured here, and what mends it; empty when it can."""
    return required("nginx")


def put_edge_before(arm: str, running: RunningSystem) -> dict[str, str]:
    """Start nginx before the API for the arms that have one; it runs where the world around the system runs."""
    if arm in (BASE, NULL):
        return {}
    settings = {"origin": running.endpoints["api"], **SETTINGS[arm]}
    edge = start_server("nginx", "edge", running.trial_dir / "edge.log", settings=settings, cores=running.cores.others)
    running.servers["edge"], running.processes["edge"] = edge, edge.process
    return {"api": edge.url, "origin": running.endpoints["api"]}


async def make_artefacts(target: Target) -> None:
    """Have the code generated that will be read, twenty pieces at a time."""
    gate = asyncio.Semaphore(20)

    async def one(i: int) -> None:
        async with gate, target.client.post(f"{_origin(target)}/api/code", json={"prompt": f"piece {i}"}) as answer:
            answer.raise_for_status()

    await asyncio.gather(*(one(i) for i in range(ARTEFACTS)))


async def read_beside_writes(target: Target) -> Work:
    """Read artefacts by Zipf's law, and meanwhile write a session's code and look how long the list stays old."""
    rank = np.arange(1, ARTEFACTS + 1, dtype=np.float64) ** -SKEW
    wanted = target.rng.choice(ARTEFACTS, size=int(READS_PER_S * target.seconds * 2 + 100), p=rank / rank.sum()) + 1
    seen = {"HIT": 0, "all": 0}
    send = partial(_read, target, wanted, seen)
    stale, arrivals = await asyncio.gather(
        _staleness_ms(target), open_arrivals(target.rng, READS_PER_S, target.seconds, send)
    )
    hits = seen["HIT"] / max(seen["all"], 1)
    figures = {"origin_per_request": 1 - hits, "stale_ms": stale}
    return Work(arrivals.latency_ms, arrivals.late_ms, arrivals.failed, figures)


async def _read(target: Target, wanted: np.ndarray, seen: dict[str, int], i: int) -> bool:
    async with target.client.get(f"{target.api}/api/code/{wanted[i]}") as answer:
        await answer.read()
        seen["all"] += 1
        seen["HIT"] += answer.headers.get("X-Cache", "") in ("HIT", "STALE", "UPDATING")
        return answer.status == 200


async def _staleness_ms(target: Target) -> float:
    """Return the time from a write's acknowledgement to the first read that shows it, ms; the longest of its blocks."""
    session = 1_000_000 + target.block
    listing = f"{target.api}/api/sessions/{session}/code"
    longest, until = 0.0, time.perf_counter() + target.seconds
    while time.perf_counter() < until:
        before = await _length(target, listing)
        body = {"prompt": f"write {time.perf_counter_ns()}", "session": session}
        async with target.client.post(f"{_origin(target)}/api/code", json=body) as answer:
            answer.raise_for_status()
        written = time.perf_counter()
        while await _length(target, listing) == before and time.perf_counter() - written < 10:
            await asyncio.sleep(PROBE_EVERY_S)
        longest = max(longest, 1000 * (time.perf_counter() - written))
    return longest


async def _length(target: Target, listing: str) -> int:
    async with target.client.get(listing, params={"limit": "100"}) as answer:
        return len(await answer.json())


def _origin(target: Target) -> str:
    return target.endpoints.get("origin", target.api)


EXPERIMENT = StrategyExperiment(
    "edge-cache",
    "ST-CACHE-22",
    "edge cache before the API",
    tuple(SETTINGS),
    f"{READS_PER_S:g} reads/s of {ARTEFACTS} pieces of code by Zipf's law, and writes to a session's list",
    read_beside_writes,
    make_artefacts,
    figures=(
        FigureSpec("origin_per_request", "requests at the origin", "of a request", 0.05, in_units=True),
        FigureSpec("stale_ms", "longest staleness", "ms", 100.0, in_units=True),
    ),
    beside=put_edge_before,
    price="answers up to two seconds old, for nginx counts whole seconds and 'valid 1s' lasts one to two; what is "
    "private must never be cached by URL alone; a server more to run, its CPU and memory are in the figures",
    turns="keys that come again less than once in the time an answer is valid: each request is then a miss and a hop",
)
