"""One table or one partition for each day: reading a day, and removing one."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed_async
from perflab.experiments.state_database.laboratory import Laboratory

DAYS, READS, REMOVALS, REMOVED_ROWS = 30, 8, 4, 4000
DAY = "SELECT count(*), sum(bytes) FROM {table} WHERE at >= $1 AND at < $2"
ROWS = "(at BIGINT NOT NULL, session BIGINT NOT NULL, bytes BIGINT NOT NULL)"


def _fill(lab: Laboratory) -> int:
    per_day = lab.place.rows // DAYS
    lab.execute(
        "DROP TABLE IF EXISTS events, events_by_day", f"CREATE TABLE events {ROWS}",
        f"CREATE TABLE events_by_day {ROWS} PARTITION BY RANGE (at)",
        *(f"CREATE TABLE events_{d} PARTITION OF events_by_day FOR VALUES FROM ({d}000000) TO ({d + 1}000000)"
          for d in range(DAYS)),
        # as events come in: by time, many sessions mixed
        f"INSERT INTO events SELECT (i / {per_day})::bigint * 1000000 + i % {per_day}, i % 997, i % 65536 "
        f"FROM generate_series(0, {per_day * DAYS - 1}) AS i",
        "INSERT INTO events_by_day SELECT * FROM events", "CREATE INDEX events_at ON events (at)", "VACUUM ANALYZE",
    )  # fmt: skip
    return per_day


def day_read(lab: Laboratory) -> Contest:
    """Sum up single days: by an index on the time of one table, by scanning the day's own partition."""
    per_day, connection = _fill(lab), lab.connect()

    def way(table: str) -> Work:
        sql = DAY.format(table=table)

        def work(rng: np.random.Generator) -> Done:
            days = rng.integers(DAYS, size=lab.operations(READS)).tolist()
            return lab.run(timed_async(days, lambda d: connection.fetch(sql, d * 1_000_000, (d + 1) * 1_000_000)))

        return work

    def plan(table: str) -> str:
        return lab.plan(DAY.format(table=table).replace("$1", "5000000").replace("$2", "6000000"))

    return Contest(
        key="partition-read", strategy="ST-STATE-06", title="partitions by day, to read a day", pids=lab.postgres,
        condition=f"{per_day:,} of {per_day * DAYS:,} rows summed up",
        ways={"one table, index on the time": way("events"), "a partition for each day": way("events_by_day")},
        plans={"one table, index on the time": plan("events"), "a partition for each day": plan("events_by_day")},
        facts={"one table, index on the time": f"index of {lab.megabytes('events_at')}"},
        price="a partition must be there before its rows come; unique keys must hold the time; every plan looks at all "
        "partitions that are not ruled out", turns="questions that do not name the time",
    )  # fmt: skip


def day_removed(lab: Laboratory) -> Contest:
    """Remove a day: its rows one by one, or its partition as a file."""
    connection, numbers = lab.connect(), count(1000)
    lab.execute("DROP TABLE IF EXISTS kept, kept_by_day", f"CREATE TABLE kept {ROWS}", "CREATE INDEX ON kept (at)",
                f"CREATE TABLE kept_by_day {ROWS} PARTITION BY RANGE (at)")  # fmt: skip

    async def add(table: str, day: int) -> None:
        if table == "kept_by_day":
            await connection.execute(f"CREATE TABLE kept_{day} PARTITION OF kept_by_day "
                                     f"FOR VALUES FROM ({day}000000) TO ({day + 1}000000)")  # fmt: skip
        rows = f"SELECT {day}000000 + i, i % 997, i FROM generate_series(1, $1) AS i"
        await connection.execute(f"INSERT INTO {table} {rows}", REMOVED_ROWS)

    async def removed(table: str) -> np.ndarray:
        took = []
        for day in [next(numbers) for _ in range(lab.operations(REMOVALS))]:
            await add(table, day)
            began = time.perf_counter()
            if table == "kept":
                await connection.execute(
                    "DELETE FROM kept WHERE at >= $1 AND at < $2", day * 1_000_000, (day + 1) * 1_000_000
                )
            else:
                await connection.execute(f"DROP TABLE kept_{day}")
            took.append(1e3 * (time.perf_counter() - began))
            await asyncio.sleep(0)
        return np.array(took)

    def way(table: str) -> Any:
        return lambda rng: Done(lab.run(removed(table)))

    return Contest(
        key="partition-drop", strategy="ST-STATE-06", title="partitions by day, to remove a day", pids=lab.postgres,
        condition=f"days of {REMOVED_ROWS:,} rows; the CPU is that of writing them too",
        ways={"DELETE": way("kept"), "DROP of the partition": way("kept_by_day")},
        price="DROP locks the whole partitioned table for its moment; DELETE leaves dead rows to be vacuumed",
        turns="days of a few rows: DROP costs the same however small the partition",
    )  # fmt: skip
