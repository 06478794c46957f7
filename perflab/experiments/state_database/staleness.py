"""How old an answer may be: no cache, a cache that expires, and one that the writer invalidates through Redis."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.state_database.place import Place, aside

TTL_S, EVERY_S, LOOK_S = 0.4, 0.25, 0.004
CHANNEL = "changed"
MODES = ("no cache", f"cache, expires after {TTL_S:g} s", "cache, invalidated through Redis")


@dataclass(frozen=True)
class Stale:
    """From the commit of each write to the first read that shows it (ms), and how often the database was asked."""

    mode: str
    windows_ms: np.ndarray
    reads: int
    asked: int

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"reads": self.mode, "median window (ms)": round(float(np.median(self.windows_ms)), 1),
                "longest (ms)": round(float(self.windows_ms.max()), 1), "writes": len(self.windows_ms),
                "served from the cache (%)": round(100 * (1 - self.asked / self.reads), 1)}  # fmt: skip


def windows(place: Place, writes: int) -> tuple[Stale, ...]:
    """Measure every mode on the same rhythm of writes."""
    return tuple(aside(_measured(place, mode, writes)) for mode in MODES)


async def _measured(place: Place, mode: str, writes: int) -> Stale:
    import asyncpg
    import redis.asyncio as redis

    reader, writer = await asyncpg.connect(place.postgres.url), await asyncpg.connect(place.postgres.url)
    client = redis.Redis.from_url(place.redis.url)
    await writer.execute(
        "DROP TABLE IF EXISTS version; CREATE TABLE version (n BIGINT); INSERT INTO version VALUES (0)"
    )
    cached: list[tuple[float, int]] = []  # when it was read, and what; empty = must be asked for
    committed, shown, counts = [0.0], [0.0], {"reads": 0, "asked": 0, "dropped": 0}
    subscribed = client.pubsub()
    if mode == MODES[2]:
        await subscribed.subscribe(CHANNEL)

    async def drop() -> None:
        async for message in subscribed.listen():
            if message["type"] == "message":
                counts["dropped"] += 1
                cached.clear()

    async def read() -> None:
        while len(shown) <= writes:
            counts["reads"] += 1
            fresh = cached and (mode == MODES[2] or time.monotonic() - cached[0][0] < TTL_S)
            if not fresh:
                counts["asked"] += 1
                before = counts["dropped"]
                value = await reader.fetchval("SELECT n FROM version")
                # What was dropped while the answer was on its way must not be cached: it would never be dropped again.
                keep = mode != MODES[0] and before == counts["dropped"]
                cached[:] = [(time.monotonic(), value)] if keep else []
            else:
                value = cached[0][1]
            while len(shown) <= value:
                shown.append(time.monotonic())
            await asyncio.sleep(LOOK_S)

    dropping = asyncio.create_task(drop()) if mode == MODES[2] else None
    reading = asyncio.create_task(read())
    for number in range(1, writes + 1):
        await asyncio.sleep(EVERY_S)
        await writer.execute("UPDATE version SET n = $1", number)
        committed.append(time.monotonic())
        if mode == MODES[2]:
            await client.publish(CHANNEL, number)
    await asyncio.wait_for(reading, 10)
    if dropping is not None:
        dropping.cancel()
    await subscribed.aclose()  # type: ignore[no-untyped-call]
    await client.aclose()
    await reader.close()
    await writer.close()
    late = 1e3 * (np.array(shown[1 : writes + 1]) - np.array(committed[1:]))
    return Stale(mode, np.maximum(late, 0.0), counts["reads"], counts["asked"])


def staleness_sentence(seen: tuple[Stale, ...]) -> str:
    """Say what each cache saves and how long it shows what is no longer true."""
    rows = [one.row() for one in seen]
    parts = [f"{row['reads']}: up to {row['longest (ms)']:g} ms" for row in rows]
    saved = " and ".join(f"{row['served from the cache (%)']:g}" for row in rows[1:])
    return (
        f"After a commit the old value is still read for ({rows[0]['writes']} writes each) {'; '.join(parts)}. The "
        f"caches answered {saved} % of the reads without the database."
    )
