"""A shared cache before the API (nginx, where the machine has it): reads for a second, with and without stale ones."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import numpy as np

from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.caching.watching import LOOK_EVERY_S, WRITE_EVERY_S, newest, stale_ms
from perflab.experiments.strategies.experiment import BASE, FigureSpec, StrategyExperiment, Target, Work
from perflab.system.launch import RunningSystem
from perflab.system.servers.server import required, start_server

# With 50 looks and 4 writes a second beside them well below what the baseline can do, about 300 requests/s on a core.
READS_PER_S, ARTEFACTS, SKEW = 120.0, 60, 1.0
AFTER_S = 2.2  # by then what the edge holds has run out: nginx counts whole seconds
SETTINGS: dict[str, dict[str, float | bool]] = {
    "edge=1s": {"valid_s": 1.0},
    "edge=1s-stale": {"valid_s": 1.0, "lock": True, "stale": True},
}


def missing() -> str:
    """Return why this cannot be measured here, and what mends it; empty when it can."""
    return required("nginx")


def put_edge_before(arm: str, running: RunningSystem) -> dict[str, str]:
    """Start nginx before the API for the arms that have one, on the system's cores: an arm gets no core more."""
    if arm in (BASE, NULL):
        return {}
    settings = {"origin": running.endpoints["api"], **SETTINGS[arm]}
    log = running.trial_dir / "edge.log"
    edge = start_server("nginx", "edge", log, settings=settings, role="system", cores=running.cores.system)
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
    """Read artefacts by Zipf's law; meanwhile have code written to a session and look how long its list stays old."""
    rank = np.arange(1, ARTEFACTS + 1, dtype=np.float64) ** -SKEW
    wanted = target.rng.choice(ARTEFACTS, size=int(READS_PER_S * target.seconds * 2 + 100), p=rank / rank.sum()) + 1
    seen = {"HIT": 0, "all": 0}
    send = partial(_read, target, wanted, seen)
    session = 1_000_000 + target.block
    look = partial(newest, target, f"{target.api}/api/sessions/{session}")
    stale, arrivals = await asyncio.gather(
        stale_ms(target.seconds, AFTER_S, partial(_write, target, session), look),
        open_arrivals(target.rng, READS_PER_S, target.seconds, send),
    )
    hits = seen["HIT"] / max(seen["all"], 1)
    figures = {"origin_per_request": 1 - hits, "stale_ms": float(stale.max())}
    return Work(arrivals.latency_ms, arrivals.late_ms, arrivals.failed, figures)


async def _read(target: Target, wanted: np.ndarray, seen: dict[str, int], i: int) -> bool:
    async with target.client.get(f"{target.api}/api/code/{wanted[i]}") as answer:
        await answer.read()
        seen["all"] += 1
        seen["HIT"] += answer.headers.get("X-Cache", "") in ("HIT", "STALE", "UPDATING")
        return answer.status == 200


async def _write(target: Target, session: int) -> int:
    """Have code generated for a session at the origin and return its id."""
    body = {"prompt": f"write {time.perf_counter_ns()}", "session": session}
    async with target.client.post(f"{_origin(target)}/api/code", json=body) as answer:
        answer.raise_for_status()
        return int((await answer.json())["id"])


def _origin(target: Target) -> str:
    return target.endpoints.get("origin", target.api)


EXPERIMENT = StrategyExperiment(
    "edge-cache",
    "ST-CACHE-22",
    "edge cache before the API",
    tuple(SETTINGS),
    f"{READS_PER_S:g} reads/s of {ARTEFACTS} pieces of code by Zipf's law; a write to a session's list every "
    f"{1000 * WRITE_EVERY_S:g} ms and a look for it every {1000 * LOOK_EVERY_S:g} ms, and looks for {AFTER_S:g} s "
    "more: as many in every arm, all in the CPU per read; nginx on the gateway's core",
    read_beside_writes,
    make_artefacts,
    figures=(
        FigureSpec("origin_per_request", "requests at the origin", "of a request", 0.05, in_units=True, means=True),
        FigureSpec("stale_ms", "longest staleness", "ms", 100.0, in_units=True),
    ),
    beside=put_edge_before,
    price="answers up to two seconds old, for nginx counts whole seconds and 'valid 1s' lasts one to two; what is "
    "private must never be cached by URL alone; a server more to run, its CPU and memory are in the figures",
    turns="keys that come again less than once in the time an answer is valid: each request is then a miss and a hop",
)
