"""The work of the API's clients on session state: four reads to a write, at open arrivals."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import Target, Work
from perflab.experiments.strategies.state.filling import SESSIONS

PER_S, WRITES = 80.0, 0.2


async def use(target: Target) -> Work:
    """Read sessions and pages of history, and create sessions; what is read must be the same in every arm."""
    rng, count = target.rng, int(PER_S * target.seconds * 2 + 100)
    sessions, draws = rng.integers(1, SESSIONS + 1, size=count).tolist(), rng.random(count).tolist()
    read: dict[int, Any] = {}

    async def send(i: int) -> bool:
        if draws[i] < WRITES:
            async with target.client.post(f"{target.api}/api/sessions", json={"user": f"user of {i}"}) as answer:
                return answer.status == 201
        page = "/history?limit=20" if draws[i] < (1 + WRITES) / 2 else ""
        async with target.client.get(f"{target.api}/api/sessions/{sessions[i]}{page}") as answer:
            read[i] = await answer.json()
            return answer.status == 200

    met = await open_arrivals(rng, PER_S, target.seconds, send)
    told = hashlib.sha256(json.dumps([read[i] for i in sorted(read)]).encode()).hexdigest()
    return Work(met.latency_ms, met.late_ms, met.failed, answers=told)
