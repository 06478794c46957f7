"""Writing many rows: a commit each, one transaction, many at once, COPY; every commit waits for the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Work, timed, timed_async
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.strategies.run import ExperimentResult

BATCH, BATCHES = 50, 2  # few at quick, as a sync for each row takes SQLite a second for twenty batches
Rows = list[tuple[int, str]]
PRICE = "a failure takes its whole batch along; the first row of a batch waits for the last"
TURNS = "rows that come one by one and must be safe at once"


def _batches(rng: np.random.Generator, batches: int) -> list[Rows]:
    numbers = rng.integers(1 << 30, size=(batches, BATCH)).tolist()
    return [[(number, f"row {number}") for number in batch] for batch in numbers]


def in_sqlite(lab: Laboratory) -> Contest:
    """Insert batches into SQLite."""
    connection = sqlite3.connect(lab.place.sqlite.with_name("bulk.sqlite"), isolation_level=None)
    connection.execute("PRAGMA synchronous = full")
    connection.execute("CREATE TABLE IF NOT EXISTS bulk (session BIGINT, text TEXT)")
    insert = "INSERT INTO bulk VALUES (?, ?)"

    def each(rows: Rows) -> None:
        for row in rows:
            connection.execute(insert, row)

    def inside(write: Callable[[Rows], Any]) -> Callable[[Rows], None]:
        def transaction(rows: Rows) -> None:
            connection.execute("BEGIN")
            write(rows)
            connection.execute("COMMIT")

        return transaction

    def way(write: Callable[[Rows], None]) -> Work:
        return lambda rng: timed(_batches(rng, lab.operations(BATCHES)), write).written

    return Contest(
        key="bulk-sqlite", strategy="ST-STATE-10", title="bulk writes in SQLite",
        condition=f"batches of {BATCH} rows into SQLite",
        ways={"a commit for each row": way(each), "one transaction": way(inside(each)),
              "executemany": way(inside(lambda rows: connection.executemany(insert, rows)))},
        price=PRICE, turns=TURNS,
    )  # fmt: skip


def in_postgres(lab: Laboratory) -> Contest:
    """Insert batches into PostgreSQL."""
    lab.execute("DROP TABLE IF EXISTS bulk", "CREATE TABLE bulk (session BIGINT, text TEXT)")
    connection, insert = lab.connect(), "INSERT INTO bulk VALUES ($1, $2)"

    async def each(rows: Rows) -> None:
        for row in rows:
            await connection.execute(insert, *row)

    async def together(rows: Rows) -> None:
        async with connection.transaction():
            await each(rows)

    async def many_values(rows: Rows) -> None:
        numbers, texts = zip(*rows, strict=True)
        await connection.execute("INSERT INTO bulk SELECT * FROM unnest($1::bigint[], $2::text[])", numbers, texts)

    async def copied(rows: Rows) -> None:
        await connection.copy_records_to_table("bulk", records=rows)

    def way(write: Callable[[Rows], Any]) -> Work:
        return lambda rng: lab.run(timed_async(_batches(rng, lab.operations(BATCHES)), write)).written

    return Contest(
        key="bulk-postgres", strategy="ST-STATE-10", title="bulk writes in PostgreSQL", pids=lab.postgres,
        condition=f"batches of {BATCH} rows into PostgreSQL",
        ways={"a commit for each row": way(each), "one transaction": way(together),
              "executemany": way(lambda rows: connection.executemany(insert, rows)),
              "arrays in one statement": way(many_values), "COPY": way(copied)},
        price=PRICE, turns=TURNS,
    )  # fmt: skip


def bulk_sentence(results: Sequence[ExperimentResult]) -> str:
    """Say how many rows a second every way reaches, by engine, slowest first."""
    parts = []
    for result in (one for one in results if one.experiment.key.startswith("bulk-")):
        arms = ("base", *result.experiment.arms)
        rates = {arm: BATCH * 1e3 / float(np.median(result.column(arm, "p50_ms"))) for arm in arms}
        ways = ", ".join(f"{result.experiment.base if arm == 'base' else arm} {rate:,.0f}"
                         for arm, rate in sorted(rates.items(), key=lambda pair: pair[1]))  # fmt: skip
        parts.append(f"{result.experiment.title}: {ways}")
    return f"Rows per second by the medians of all blocks, slowest way first. {'; '.join(parts)}."
