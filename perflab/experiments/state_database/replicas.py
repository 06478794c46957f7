"""A streaming replica: how far it is behind, at rest and under writes, and how many reads would be old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.state_database.place import Place, aside
from perflab.experiments.study import Study
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals
from perflab.system.servers.server import EmbeddedServer, start_server

EVERY_S, POLL_S = 0.02, 0.0002
LOADS = {"at rest": 0, "beside two writers": 2}


@dataclass(frozen=True)
class Lag:
    """From the acknowledgement of each write to the replica's first answer that shows it (ms); 0 = at once.

    `old_reads`: how many reads sent to the replica straight after the acknowledgement did not show the write yet;
    that is what a split without read-your-writes answers.
    """

    load: str
    windows_ms: np.ndarray
    old_reads: int

    @property
    def p95(self) -> Interval:
        """The window's 95th percentile; writes are far apart and their windows independent."""
        return order_statistic_intervals(self.windows_ms, (0.95,))[0]

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"replica": self.load, "writes": len(self.windows_ms),
                "median lag (ms)": round(float(np.median(self.windows_ms)), 2),
                "p95 (ms)": round(self.p95.value, 2), "longest (ms)": round(float(self.windows_ms.max()), 2),
                "old if read at once (%)": round(100 * self.old_reads / len(self.windows_ms), 1)}  # fmt: skip


@contextmanager
def replica(study: Study, place: Place) -> Iterator[EmbeddedServer]:
    """Start a replica of the place's PostgreSQL on the cores of the system, and remove it."""
    server = start_server("postgres", "replica", study.run.folder("trials") / "24-replica.log",
                          settings={"replica_of": place.postgres.url}, cores=study.cores.system)  # fmt: skip
    try:
        yield server
    finally:
        server.stop()


def lags(place: Place, follower: EmbeddedServer, writes: int) -> tuple[Lag, ...]:
    """Measure the windows of the same number of writes at rest and beside other writers."""
    return tuple(aside(_measured(place.postgres.url, follower.url, load, writes)) for load in LOADS)


async def _measured(primary: str, follower: str, load: str, writes: int) -> Lag:
    import asyncpg

    writer, reader = await asyncpg.connect(primary), await asyncpg.connect(follower)
    table = f"lagging_{LOADS[load]}"
    await writer.execute(f"CREATE TABLE IF NOT EXISTS {table} (n BIGINT); CREATE TABLE IF NOT EXISTS busy (text TEXT)")
    await writer.execute(f"TRUNCATE {table}; INSERT INTO {table} VALUES (0)")
    await _until(reader, f"SELECT n FROM {table}", 0)
    busy = [asyncio.create_task(_write_on(primary)) for _ in range(LOADS[load])]
    windows, old = [], 0
    try:
        for number in range(1, writes + 1):
            await asyncio.sleep(EVERY_S)
            await writer.execute(f"UPDATE {table} SET n = $1", number)
            committed = time.perf_counter()
            tries = await _until(reader, f"SELECT n FROM {table}", number)
            windows.append(0.0 if tries == 1 else 1e3 * (time.perf_counter() - committed))
            old += tries > 1
    finally:
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await writer.close()
        await reader.close()
    return Lag(load, np.array(windows), old)


async def _until(reader: Any, query: str, value: int) -> int:
    """Ask until the value is shown; return how many answers it took."""
    import asyncpg

    for tries in range(1, 1_000_000):
        try:
            if await reader.fetchval(query) == value:
                return tries
        except asyncpg.UndefinedTableError:
            pass  # the table itself has not come yet
        await asyncio.sleep(POLL_S)
    raise TimeoutError("the replica does not catch up")


async def _write_on(primary: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(primary)
    try:
        while True:
            await connection.execute("INSERT INTO busy SELECT repeat('x', 400) FROM generate_series(1, 50)")
    finally:
        connection.terminate()


def lag_sentence(seen: tuple[Lag, ...]) -> str:
    """Say how far behind the replica is, and what a split without read-your-writes would answer."""
    parts = [
        f"{row['replica']} {row['median lag (ms)']:g} ms at the median and {row['p95 (ms)']:g} ms at the 95th "
        f"percentile (n = {row['writes']}), and {row['old if read at once (%)']:g} % of reads sent at once "
        "would have been old"
        for row in (one.row() for one in seen)
    ]
    return (
        f"After its acknowledgement a write is on the replica {'; '.join(parts)}. `store=postgres_split` therefore "
        "keeps a session with the primary until the replica has replayed the session's own writes."
    )
