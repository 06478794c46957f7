"""Pool size against the wait: open arrivals on PostgreSQL, from no pool at all to more connections than are needed."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.state_database.place import Place, aside
from perflab.stats.interval import Interval
from perflab.stats.latency import sectioned_quantile

SIZES = (0, 1, 2, 4, 8, 16)  # 0: a connection for each access
PER_S, HELD_S = 28.0, 0.03  # one connection carries 33 a second: nearly full; above, its queue would never end
SHORTEST_S = 6.0  # 168 arrivals on average: a p95 in five sections needs 100 of them, whatever the seed
SECTIONS = 5


@dataclass(frozen=True)
class PoolSeen:
    """Waits from when each query was due, for one pool size; `size` 0 = no pool."""

    size: int
    p50_ms: float
    p95: Interval
    worst_ms: float

    def row(self) -> dict[str, Any]:
        """Return the row of a table or figure."""
        return {"pool": self.size or "none", "p50 (ms)": round(self.p50_ms, 1), "p95 (ms)": round(self.p95.value, 1),
                "p95 low": round(self.p95.low or 0, 1), "p95 high": round(self.p95.high or 0, 1),
                "worst (ms)": round(self.worst_ms, 1), "n": self.p95.n}  # fmt: skip


def sweep(place: Place, seconds: float, seed: int) -> tuple[PoolSeen, ...]:
    """Send the same Poisson arrivals through every pool size, the sizes in random order.

    A query holds its connection for 30 ms without using a core (`pg_sleep`): a wait for a disk or a lock. All sizes
    carry what arrives: where one did not, its waits would grow with the seconds that it is looked at.
    `seconds`: for each size, at least SHORTEST_S.
    """
    seconds = max(seconds, SHORTEST_S)
    order = random.Random(seed).sample(SIZES, len(SIZES))
    seen = {size: aside(_one(place.postgres.url, size, _due(seconds, seed))) for size in order}
    return tuple(seen[size] for size in SIZES)


def _due(seconds: float, seed: int) -> list[float]:
    draw, at, out = random.Random(f"{seed}:pools"), 0.0, []
    while (at := at + draw.expovariate(PER_S)) < seconds:
        out.append(at)
    return out


async def _one(url: str, size: int, due: list[float]) -> PoolSeen:
    import asyncpg

    pool = await asyncpg.create_pool(url, min_size=size, max_size=size) if size else None
    waits = np.zeros(len(due))
    begin = time.perf_counter() + 0.1

    async def query(index: int) -> None:
        if pool is None:
            connection = await asyncpg.connect(url)
            await connection.execute(f"SELECT pg_sleep({HELD_S})")
            await connection.close()
        else:
            await pool.execute(f"SELECT pg_sleep({HELD_S})")
        waits[index] = 1e3 * (time.perf_counter() - begin - due[index])

    tasks = []
    for index, at in enumerate(due):
        await asyncio.sleep(max(0.0, begin + at - time.perf_counter()))
        tasks.append(asyncio.create_task(query(index)))
    await asyncio.gather(*tasks)
    if pool is not None:
        await pool.close()
    return PoolSeen(
        size, float(np.median(waits)), sectioned_quantile(waits, 0.95, SECTIONS, log=True), float(waits.max())
    )


def pool_sentence(seen: tuple[PoolSeen, ...]) -> str:
    """Say whether the smallest pool is slower than none, and from which size on a larger one gains little."""
    none, one, *rest = seen
    enough = next((p for p in rest if p.p95.value < 1.1 * min(q.p95.value for q in rest)), rest[-1])
    larger = "no larger one was tried" if enough is rest[-1] else "more gain less than a tenth"
    return (
        f"At {PER_S:g} queries a second that hold a connection for {1e3 * HELD_S:g} ms, a pool of 1 "
        f"{_than(one, none)} no pool: p95 {one.p95.value:.0f} against {none.p95.value:.0f} ms "
        f"(n = {none.p95.n} each); {enough.size} connections bring it to {enough.p95.value:.0f} ms, and {larger}."
    )


def _than(one: PoolSeen, none: PoolSeen) -> str:
    """Compare two pools by their intervals; a missing bound tells nothing apart."""
    if (one.p95.low or 0.0) > (none.p95.high or float("inf")):
        return "is slower than"
    if (none.p95.low or 0.0) > (one.p95.high or float("inf")):
        return "is faster than"
    return "cannot be told from"
