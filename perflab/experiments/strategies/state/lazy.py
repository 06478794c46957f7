"""Does it pay to send heads of a history first, when nothing is opened, and when a tenth of the rows are?"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.state.filling import SESSIONS, fill

PER_S, TURNS, ROWS, OPENED_ROWS = 40.0, 40, 50, 5
BYTES = FigureSpec("bytes_per_view", "body bytes per view", "bytes", 0.05)


async def view(target: Target, opened: int) -> Work:
    """Show the list of a session's rows and open some: a view is there when its last answer is."""
    rng, count = target.rng, int(PER_S * target.seconds * 2 + 100)
    sessions = rng.integers(1, SESSIONS + 1, size=count).tolist()
    chosen = [rng.choice(ROWS, size=opened, replace=False).tolist() for _ in range(count)]
    lazy, sizes = target.variant.flags["history"] == "lazy", dict[int, int]()

    async def get(path: str) -> tuple[int, Any]:
        async with target.client.get(target.api + path) as answer:
            body = await answer.read()
            answer.raise_for_status()
            return len(body), await answer.json()

    async def send(i: int) -> bool:
        own = f"/api/sessions/{sessions[i]}/history"
        size, rows = await get(f"{own}?limit={ROWS}")
        texts = [rows[n].get("text") for n in chosen[i]]
        if lazy:
            bodies = await asyncio.gather(*(get(f"{own}/{rows[n]['id']}") for n in chosen[i]))
            size += sum(part for part, _ in bodies)
            texts = [row["text"] for _, row in bodies]
        sizes[i] = size
        return len(rows) == ROWS and all(texts)

    met = await open_arrivals(rng, PER_S, target.seconds, send)
    return Work(met.latency_ms, met.late_ms, met.failed, {BYTES.column: sum(sizes.values()) / max(len(sizes), 1)})


def _experiment(key: str, opened: int, what: str) -> StrategyExperiment:
    return StrategyExperiment(
        key=key,
        strategy="ST-STATE-20",
        title=f"heads of a history first, {what}",
        arms=("history=lazy",),
        condition=f"{PER_S:g} views/s of {ROWS} rows of real English, {what}, no link between",
        work=partial(view, opened=opened),
        prepare=partial(fill, turns=TURNS),
        figures=(BYTES,),
        price="a request for each row that is opened, and a client that knows of it; no memory per session is told: "
        "the rows are filled into the store's file, past the gateway's process",
        turns="at the share of rows opened where the further requests cost what the bodies did",
    )


LISTED = _experiment("lazy-listed", 0, "nothing opened")
OPENED = _experiment("lazy-opened", OPENED_ROWS, f"{OPENED_ROWS} of {ROWS} opened")
