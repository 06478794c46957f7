"""The work of clients that have code generated: POST /api/code, and what of it reached the generator."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perflab.errors import SystemFailure
from perflab.experiments.strategies.arrivals import Arrivals, arrivals_at, poisson_times
from perflab.experiments.strategies.experiment import FigureSpec, Target, Work

STORE = "baseline+store=wal_batched"  # what is measured is the call: the artefact that is kept costs little in this one
POOLED = f"{STORE}+http_client=pooled_httpx2"
UPSTREAM = FigureSpec("upstream_per_request", "prompts upstream per request", "", 0.05)
CALLS = FigureSpec("calls_per_request", "HTTP calls upstream per request", "", 0.05)


@dataclass
class Asked:
    """What came back, by number of the request."""

    codes: dict[int, str] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)

    def digest(self) -> str:
        """Return a digest of all code in the order of the requests; empty where one was not answered."""
        if self.refused:
            return ""
        told = hashlib.sha256()
        for number in sorted(self.codes):
            told.update(f"{number}\x1f{self.codes[number]}\x1e".encode())
        return told.hexdigest()


async def ask(target: Target, prompt: str, into: Asked, number: int, session: int = 0) -> bool:
    """Have code generated and say whether it was."""
    body = {"prompt": prompt, "language": "python", "session": session}
    async with target.client.post(f"{target.api}/api/code", json=body) as answer:
        if answer.status != 201:
            into.refused[number] = answer.status
            return False
        into.codes[number] = (await answer.json())["code"]
        return True


def generator_url(target: Target) -> str:
    """Return where the generator's stand-in listens, as it said itself; raises SystemFailure when it did not.

    No endpoint of the system's file: no load goes there, only the question what has come.
    """
    log = target.running.trial_dir / "codegen.log"
    said = re.search(r"^ready (http://\S+)$", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if said is None:
        raise SystemFailure("The code generator has not said where it listens", f"{log} must have a line 'ready URL'")
    return said[1]


async def generator_stats(target: Target) -> dict[str, Any]:
    """Return what the generator's stand-in counted so far, and its age in seconds."""
    async with target.client.get(f"{generator_url(target)}/stats") as answer:
        answer.raise_for_status()
        return dict(await answer.json())


async def wait_for_phase(target: Target, period_s: float) -> None:
    """Wait until the generator's troubles begin their next period: then every block meets them at the same time."""
    age_s = float((await generator_stats(target))["age_s"])
    await asyncio.sleep(period_s - age_s % period_s)


async def counted(target: Target, work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Run work and return its result with how many prompts and HTTP calls it sent upstream."""
    before = (await generator_stats(target))["counts"]
    done = await work()
    after = (await generator_stats(target))["counts"]
    return done, {name: float(after.get(name, 0) - before.get(name, 0)) for name in ("requests", "calls")}


def per_request(upstream: dict[str, float], sent: int) -> dict[str, float]:
    """Return the figures that say what a request caused upstream."""
    return {
        UPSTREAM.column: upstream["requests"] / max(sent, 1),
        CALLS.column: upstream["calls"] / max(sent, 1),
    }


async def at_open_arrivals(target: Target, per_s: float, prompts: Sequence[str]) -> Work:
    """Ask for prompt after prompt at Poisson arrivals."""
    return await at_times(target, poisson_times(target.rng, per_s, target.seconds), prompts)


async def at_times(target: Target, times: np.ndarray, prompts: Sequence[str]) -> Work:
    """Ask for prompt after prompt, each when it is due: `times` in seconds from now, float64 rising."""
    asked = Asked()

    async def send(i: int) -> bool:
        return await ask(target, prompts[i % len(prompts)], asked, i)

    async def work() -> Arrivals:
        return await arrivals_at(times, send)

    met, upstream = await counted(target, work)
    sent = met.latency_ms.size + met.failed
    return Work(met.latency_ms, met.late_ms, met.failed, per_request(upstream, sent), asked.digest())


def fresh_prompts(target: Target, count: int) -> list[str]:
    """Return prompts of which no two are equal, the same in every arm of a block."""
    return [f"write a function that does task {target.block}-{i}, number {target.rng.integers(1 << 40)}"
            for i in range(count)]  # fmt: skip


async def distinct(target: Target, per_s: float) -> Work:
    """Ask for code, every prompt new."""
    return await at_open_arrivals(target, per_s, fresh_prompts(target, int(per_s * target.seconds * 2 + 100)))


async def in_crowds(target: Target, per_s: float, size: int) -> Work:
    """Ask for code in crowds of `size` requests at once, which come at Poisson arrivals; every prompt new."""
    times = np.repeat(poisson_times(target.rng, per_s, target.seconds), size)
    return await at_times(target, times, fresh_prompts(target, times.size))


async def warm(target: Target) -> None:
    """Ask a few times, the first alone: imports, tables and first connections are not what is measured."""
    asked = Asked()
    await ask(target, "warm-up 0", asked, 0)
    await asyncio.gather(*(ask(target, f"warm-up {i}", asked, i) for i in range(1, 5)))
