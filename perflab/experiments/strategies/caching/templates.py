"""Does it pay to keep prompt templates compiled, and to look at their files once a second?"""

from __future__ import annotations

import hashlib

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import SESSIONS, fill

PER_S = 40.0


async def summarise(target: Target) -> Work:
    """Have sessions summed up: each summary renders a template over a session's history."""
    sessions = target.rng.integers(1, SESSIONS + 1, size=int(PER_S * target.seconds * 2 + 100))
    texts: dict[int, str] = {}

    async def send(i: int) -> bool:
        async with target.client.post(f"{target.api}/api/sessions/{sessions[i]}/summary") as answer:
            texts[i] = str((await answer.json()).get("code"))
            return answer.status == 201

    met = await open_arrivals(target.rng, PER_S, target.seconds, send)
    digest = hashlib.sha256("\0".join(texts[i] for i in sorted(texts)).encode()).hexdigest()
    return Work(met.latency_ms, met.late_ms, met.failed, {}, digest)


EXPERIMENT = StrategyExperiment(
    key="template-cache",
    strategy="ST-CACHE-12",
    title="prompt templates",
    arms=("template=cached", "template=cached_ttl"),
    condition=f"{PER_S:g} summaries/s of sessions with 80 rows of history, each rendered and stored",
    work=summarise,
    prepare=fill,
    price="cached: a stat of the file at each use; cached_ttl: a changed file is seen up to a second later "
    "(measured: F22-template-staleness); what longer times to live gain and cost: F22-ttl, on the card of ST-CACHE-15",
    turns="renders that are rare beside their store: the write of a summary takes longer than compiling its template",
)
