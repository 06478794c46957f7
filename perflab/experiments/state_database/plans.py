"""What an index buys: the plan before and after, and the time of the same page from both tables, in pairs."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from perflab.experiments.state_database.place import PAGE, TABLES, Place, aside
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals

QUICK_PAIRS, FULL_PAIRS = 40, 200


@dataclass(frozen=True)
class IndexGain:
    """One engine: its two plans, the median milliseconds of both, and the paired ratio plain over indexed.

    `read`: rows that each plan's scan touched, `cost` in the planner's units; empty for SQLite, which tells neither.
    """

    engine: str
    plans: dict[str, str]
    ms: dict[str, float]
    ratio: Interval
    read: dict[str, int] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per table: before, then after."""
        return [
            {"engine": self.engine, "table": table, "plan": self.plans[table], "rows read": self.read.get(table),
             "planner's cost": self.cost.get(table), "median (ms)": round(self.ms[table], 4)}
            for table in TABLES
        ]  # fmt: skip


def index_gains(place: Place, pairs: int, seed: int) -> tuple[IndexGain, ...]:
    """Time a page of random sessions from both tables, interleaved in random order, and ask for the plans."""
    draw = random.Random(seed)
    order = [(draw.randrange(place.sessions), draw.sample(TABLES, 2)) for _ in range(pairs + 5)]
    return _sqlite(place, order), aside(_postgres(place, order))


def _gain(engine: str, plans: dict[str, str], took: dict[str, list[float]]) -> IndexGain:
    plain, indexed = (np.array(took[table][5:]) for table in TABLES)  # the first pairs warm both sides up
    ratio = order_statistic_intervals(plain / indexed, (0.5,))[0]
    return IndexGain(engine, plans, {"plain": float(np.median(plain)), "indexed": float(np.median(indexed))}, ratio)


def _sqlite(place: Place, order: list[tuple[int, list[str]]]) -> IndexGain:
    took: dict[str, list[float]] = {table: [] for table in TABLES}
    with closing(sqlite3.connect(place.sqlite)) as connection:
        asked = {table: PAGE.format(table=table, mark="?") for table in TABLES}
        plans = {
            t: "; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked[t]}", (1,))) for t in TABLES
        }
        for session, tables in order:
            for table in tables:
                began = time.perf_counter()
                connection.execute(asked[table], (session,)).fetchall()
                took[table].append(1e3 * (time.perf_counter() - began))
    return _gain("SQLite", plans, took)


async def _postgres(place: Place, order: list[tuple[int, list[str]]]) -> IndexGain:
    import asyncpg

    took: dict[str, list[float]] = {table: [] for table in TABLES}
    connection = await asyncpg.connect(place.postgres.url)
    asked = {table: PAGE.format(table=table, mark="$1") for table in TABLES}
    plans, read, cost = {}, {}, {}
    for table in TABLES:
        page = PAGE.format(table=table, mark="1")
        told = await connection.fetch(f"EXPLAIN (COSTS OFF) {page}")
        plans[table] = " ".join(" ".join(row[0].split()) for row in told)
        (ran,) = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {page}"))
        read[table], cost[table] = rows_read(ran["Plan"]), ran["Plan"]["Total Cost"]
    for session, tables in order:
        for table in tables:
            began = time.perf_counter()
            await connection.fetch(asked[table], session)
            took[table].append(1e3 * (time.perf_counter() - began))
    await connection.close()
    return replace(_gain("PostgreSQL", plans, took), read=read, cost=cost)


def rows_read(plan: Mapping[str, Any]) -> int:
    """Return how many rows the scan at the bottom of a plan that was run touched, those that it threw away too."""
    while "Plans" in plan:
        plan = plan["Plans"][0]
    return int(plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)))


def index_sentence(place: Place, gains: tuple[IndexGain, ...]) -> str:
    """Say what the index buys in both engines."""
    parts = ", ".join(f"{gain.engine} {_gained(gain.ratio)}" for gain in gains)
    return f"On {place.rows:,} rows, a page of history with an index on session and id: {parts}."


def _gained(ratio: Interval) -> str:
    """Say a ratio of times, without over with the index, by the side of 1 on which its interval lies."""
    low, high = ratio.low or 0.0, ratio.high or float("inf")
    word = "" if low > 1 else "slower, " if high < 1 else "neither faster nor slower for certain, "
    said = f"n = {ratio.n} pairs, 95 % interval {_times(low)} to {_times(high)}"
    return f"{word}{_times(ratio.value)} times as fast ({said})"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
