"""How large a pool? The wait by number of connections, from one that starves to more than are ever used."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from perflab.experiments.strategies.arm import started
from perflab.experiments.strategies.arrivals import arrivals_at, poisson_times
from perflab.experiments.strategies.calls.asking import STORE, Asked, ask, fresh_prompts, warm
from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work
from perflab.experiments.study import Study
from perflab.runs import write_atomic
from perflab.stats.resample import resampled_quantile
from perflab.stats.schedule import balanced_blocks

PER_S, TAKES_S = 28.0, 0.125  # 3.5 calls at a time: 4 connections are nearly full, and a queue still ends
SIZES = ("none", "4", "8", "16", "100")
CLIENT, LIBRARY = "http_client=pooled", "httpx"  # that of per_call, so that the pool is all that differs
QUICK, FULL = (6, 1.5), (12, 3.0)  # blocks, seconds of each


async def raw(target: Target, kept: list[list[float]]) -> Work:
    """Ask for code at Poisson arrivals and keep every wait."""
    times = poisson_times(target.rng, PER_S, target.seconds)
    prompts, asked = fresh_prompts(target, times.size), Asked()

    async def send(i: int) -> bool:
        return await ask(target, prompts[i], asked, i)

    met = await arrivals_at(times, send)
    kept.append(met.latency_ms.tolist())
    return Work(met.latency_ms, met.late_ms, met.failed)


def pool_sweep_rows(study: Study, sizes: tuple[str, ...] = SIZES) -> list[dict[str, Any]]:
    """Return one row for each pool size: p50, p95 with its interval, p99, worst (ms), CPU per request, failures.

    One gateway for each size, started side by side, measured block by block in balanced random order with the same
    arrivals in each: 28 requests/s of about 125 ms are 3.5 calls at a time on average (Little), so that 4 connections
    are nearly full. Above what they carry the wait would grow for as long as one looks, and its p95 with it.
    "none" is a new client, and so a new connection, for each call; the sizes are one shared client of the same
    library. Measured once for a run, then read back.
    """
    path = study.run.folder("samples") / f"pool_sweep.{LIBRARY}.json"
    if not path.exists():
        write_atomic(path, json.dumps(_measure(study, sizes)))
    return _table(json.loads(path.read_text(encoding="utf-8")), study.seed)


def _measure(study: Study, sizes: tuple[str, ...]) -> dict[str, Any]:
    blocks, seconds = QUICK if study.quick else FULL
    found: dict[str, Any] = {size: {"waits": [], "rows": []} for size in sizes}
    with ExitStack() as stack:
        arms = {}
        for size in sizes:
            experiment = _experiment(size, found[size]["waits"])
            folder: Path = study.run.folder("trials") / f"pool-{size}"
            variant = STORE if size == "none" else f"{STORE}+{CLIENT}"
            arms[size] = stack.enter_context(started(study, experiment, size, variant, folder))
        for block, order in enumerate(balanced_blocks(list(sizes), int(blocks), study.seed)):
            for size in order:
                found[size]["rows"].append(arms[size].measure(block, seconds))
    return found


def _experiment(size: str, kept: list[list[float]]) -> StrategyExperiment:
    pool = {} if size == "none" else {"connections": size}
    return StrategyExperiment(
        key="pool-sweep", strategy="ST-API-02", title="size of the pool", arms=(CLIENT,), base=STORE,
        condition=f"{PER_S:g} requests/s for code that takes about {1000 * TAKES_S:g} ms: {PER_S * TAKES_S:g} calls at "
        "a time on average",
        conditions=pool, work=partial(raw, kept=kept), prepare=warm,
    )  # fmt: skip


def _table(found: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    rows = []
    for size, seen in found.items():
        waits = [np.array(block) for block in seen["waits"]]
        together, (p95, low, high) = np.concatenate(waits), _p95_interval(waits, seed)
        cpu = [float(row["cpu_ms_per_request"]) for row in seen["rows"]]
        rows.append({
            "pool": size,
            "p50 (ms)": float(np.quantile(together, 0.5)),
            "p95 (ms)": p95,
            "p95 low": low,
            "p95 high": high,
            "p99 (ms)": float(np.quantile(together, 0.99)),
            "worst (ms)": float(together.max()),
            "CPU per request (ms)": float(np.median(cpu)),
            "failed": sum(int(row["failed"]) for row in seen["rows"]),
            "requests": sum(int(row["requests"]) for row in seen["rows"]),
        })  # fmt: skip
    return rows


def _p95_interval(waits: list[np.ndarray], seed: int) -> tuple[float, float, float]:
    """Return p95 with its 95 % interval: whole blocks drawn again, as waits within a block hang together."""
    low, high = np.quantile(resampled_quantile(waits, 0.95, seed=seed), [0.025, 0.975])
    return float(np.quantile(np.concatenate(waits), 0.95)), float(low), float(high)
