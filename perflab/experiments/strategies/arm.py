"""One arm: a system started as one variant, driven by a workload, and watched while it works."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perflab.errors import SystemFailure
from perflab.experiments.strategies.experiment import StrategyExperiment, Target
from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.strategies.tails import tail
from perflab.experiments.study import Study
from perflab.experiments.trial import core_account, core_readings
from perflab.instrument.cpu_clock import tree_cpu_s
from perflab.instrument.noise import NoiseWindow
from perflab.instrument.proc import descendants, schedstat, stat
from perflab.stats.schedule import block_seed
from perflab.system.launch import RunningSystem, launch

MEMORY_EVERY_S = 0.1
REQUEST_LIMIT_S = 30.0
CONNECTIONS = 512
WARM = 1_000_000  # added to a block's number for the random numbers of its warm-up


@dataclass
class Arm:
    """A started arm; `measure` runs one block of work on it."""

    name: str
    study: Study
    experiment: StrategyExperiment
    running: RunningSystem
    loop: LoopThread
    client: Any
    endpoints: dict[str, str]
    of_start: Mapping[str, float] = field(default_factory=dict)  # what the preparation found

    def measure(self, block: int, seconds: float, *, prepare: bool = False) -> dict[str, Any]:
        """Run the work of one block and return its row; `prepare` runs the preparation instead and returns {}."""
        target = self._target(block, seconds, block_seed(self.study.seed, block))
        if prepare:
            if self.experiment.prepare:
                found = self.loop.run(self.experiment.prepare(target))
                self.of_start = found or {}
            return {}
        self.running.check_alive()
        if self.experiment.warm:
            self.loop.run(self.experiment.warm(self._unmeasured(block, seconds)))
        return self.loop.run(self._watched(target))

    def begin(self) -> None:
        """Do a little of the work unmeasured: a fresh process loads modules and connects with its first requests."""
        if self.experiment.first_s and not self.experiment.warm:
            self.loop.run(self.experiment.work(self._unmeasured(0, self.experiment.first_s)))

    def _unmeasured(self, block: int, seconds: float) -> Target:
        return self._target(block, seconds, block_seed(self.study.seed, WARM + block))

    def _target(self, block: int, seconds: float, seed: int) -> Target:
        rng = np.random.default_rng(seed)
        return Target(self.endpoints, self.running, self.client, rng, seconds, block, self.running.variant)

    async def _watched(self, target: Target) -> dict[str, Any]:
        memory: list[float] = []
        sampler = asyncio.create_task(_sample(self.running, memory))
        noise, before, waited = NoiseWindow(canary_rounds=1), cpu_now(self.running), _schedule(self.running)
        booked = core_readings(self.study.cores.system)
        own, began = time.process_time(), time.perf_counter()
        try:
            work = await self.experiment.work(target)
        finally:
            sampler.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sampler
        client = (time.process_time() - own) / (time.perf_counter() - began)
        after, delays = cpu_now(self.running), _schedule(self.running)
        booked_after = core_readings(self.study.cores.system)
        latency = np.asarray(work.latency_ms, dtype=np.float64)
        if not latency.size and not work.none_answered_counts:
            raise SystemFailure(
                f"No request of {self.experiment.key} was answered in {self.name}, block {target.block}",
                "every block needs answered requests", f"See the logs in {self.running.trial_dir}",
            )  # fmt: skip
        spent = sum(max(after[pid] - before.get(pid, 0.0), 0.0) for pid in after)
        row = {
            "arm": self.name,
            "block": target.block,
            "requests": int(latency.size) + work.failed,
            "failed": work.failed,
            "cpu_ms_per_request": 1000 * spent / latency.size if latency.size else float("nan"),
            "p50_ms": float(np.quantile(latency, 0.5)) if latency.size else float("nan"),
            "p95_ms": tail(latency, 0.95),
            "memory_mb": max([*memory, memory_mb(self.running)]),
            "late_p99_ms": float(np.quantile(work.late_ms, 0.99)) if work.late_ms.size else float("nan"),
            "client_cpu": client,
            "run_delay": max((delays[pid].delay_since(waited[pid]) for pid in delays if pid in waited), default=0.0),
            "steal": noise.read().steal,
            "answers": work.answers,
            **core_account(booked, booked_after, spent),
            **{name: float(value) for name, value in {**self.of_start, **work.figures}.items()},
        }
        return {name: value for name, value in row.items() if value == value}  # a figure it could not have is left out


@contextmanager
def started(study: Study, experiment: StrategyExperiment, name: str, variant: str, folder: Path) -> Iterator[Arm]:
    """Start the system as a variant, with a client and a loop of its own, and run the preparation."""
    with (
        launch(
            study.system,
            study.variant(variant),
            folder,
            conditions=study.system.conditions(**experiment.conditions),
            seed=study.seed,
            cores=study.cores,
        ) as running,
        LoopThread() as loop,
    ):
        client = loop.run(_client())
        try:
            other = experiment.beside(name, running) if experiment.beside else {}
            arm = Arm(name, study, experiment, running, loop, client, {**running.endpoints, **other})
            arm.measure(0, 0.0, prepare=True)
            yield arm
        finally:
            loop.run(client.close())


async def _client() -> Any:
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S)
    )


def _watched_pids(running: RunningSystem) -> list[int]:
    """Return the system's own processes and those of the servers that its variant uses: both are its price."""
    return [pid for root in _own_pids(running) for pid in (root, *descendants(root))]


def _own_pids(running: RunningSystem) -> list[int]:
    names = {p.name for p in running.system.system_processes} | set(running.servers)
    return [p.pid for p in running.processes.values() if p.name in names]


def cpu_now(running: RunningSystem) -> dict[int, float]:
    """Return the CPU seconds so far of the system's processes and its servers', with all that each has started.

    By process; gone ones are left out. A connection of PostgreSQL is a process, which may end between two readings.
    """
    found = {}
    for pid in _own_pids(running):
        with contextlib.suppress(ProcessLookupError):
            found[pid] = tree_cpu_s(pid)
    return found


def _schedule(running: RunningSystem) -> dict[int, Any]:
    """Return how long the system's own processes have waited so far; a server on their cores waits for them anyway."""
    names = {p.name for p in running.system.system_processes}
    return {p.pid: schedstat(p.pid) for p in running.processes.values() if p.name in names}


def memory_mb(running: RunningSystem) -> float:
    """Return the resident memory of the system's processes and its servers', 10^6 bytes.

    Shared pages of a server that forks are counted once for each process, so that it is an upper bound there: three
    PostgreSQL processes that touched the same 10 MB of buffers count 30.
    """
    return sum(seen.rss_bytes for seen in map(stat, _watched_pids(running)) if seen) / 1e6


async def _sample(running: RunningSystem, into: list[float]) -> None:
    while True:
        into.append(memory_mb(running))
        await asyncio.sleep(MEMORY_EVERY_S)
