"""Does it pay to send only the fields and rows that a client lacks?"""

from __future__ import annotations

from typing import Any

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import SESSIONS, TURNS, fill
from perflab.experiments.strategies.payloads.reading import BYTES, PER_S, Answers, fetch

FIELDS = ("id", "role", "text")
NEW = 4  # rows that a client does not have yet


def last_seen(session: int) -> int:
    """Return the id of the newest row that a client of this session has."""
    return session * 2 * TURNS - NEW


def wanted(session: int, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a client keeps of an answer, whether the server has cut it already or not."""
    return [{name: row[name] for name in FIELDS} for row in rows if row["id"] > last_seen(session)]


async def catch_up(target: Target) -> Work:
    """Ask for what is new, in three fields of eight; a server that cuts nothing sends the page, and the client cuts."""
    count = int(PER_S * target.seconds * 2 + 100)
    sessions = target.rng.integers(1, SESSIONS + 1, count).tolist()
    answers = Answers()

    async def send(i: int) -> bool:
        query = f"limit=20&fields={','.join(FIELDS)}&after={last_seen(sessions[i])}"
        return await fetch(target, f"/api/sessions/{sessions[i]}/history?{query}", answers, i)

    met = await open_arrivals(target.rng, PER_S, target.seconds, send)
    digest = answers.digest(lambda i, rows: wanted(sessions[i], rows))
    return Work(met.latency_ms, met.late_ms, met.failed, {BYTES.column: answers.mean_bytes}, digest)


EXPERIMENT = StrategyExperiment(
    key="sparse",
    strategy="ST-NET-14",
    title="sparse fields and deltas",
    arms=("payload=sparse",),
    condition=f"{PER_S:g} reads/s of a history page of 20 rows of which {NEW} are new, 3 of 8 fields wanted",
    work=catch_up,
    prepare=fill,
    figures=(BYTES,),
    price="a query that every client must get right, and as many cache keys as there are queries",
    turns="gains nothing for a client that has nothing yet and shows every field",
)
