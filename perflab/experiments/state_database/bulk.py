"""Rows per second by the way they are written: a commit each, one transaction, many at once, COPY."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import numpy as np

from perflab.experiments.state_database.place import Place, aside

REPEATS = 3
SLOW, FAST = 150, 20_000  # rows of the ways that sync for each row, and of those that do not
Rows = list[tuple[int, str]]


def bulk_rates(place: Place) -> list[dict[str, Any]]:
    """Return rows per second of every way in both engines, the median of three rounds; all sync at each commit."""
    return [*_sqlite(place), *aside(_postgres(place))]


def _row(engine: str, way: str, count: int, seconds: list[float]) -> dict[str, Any]:
    return {"engine": engine, "way": way, "rows": count, "rows/s": round(count / float(np.median(seconds)))}


def _sqlite(place: Place) -> list[dict[str, Any]]:
    insert = "INSERT INTO bulk VALUES (?, ?)"
    with closing(sqlite3.connect(place.sqlite, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = full")
        connection.execute("CREATE TABLE bulk (session BIGINT, text TEXT)")

        def each(rows: Rows) -> None:
            for row in rows:
                connection.execute(insert, row)

        def together(rows: Rows) -> None:
            connection.execute("BEGIN")
            each(rows)
            connection.execute("COMMIT")

        def many(rows: Rows) -> None:
            connection.execute("BEGIN")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")

        ways: tuple[tuple[str, int, Callable[[Rows], None]], ...] = (
            ("a commit for each row", SLOW, each), ("one transaction", FAST, together), ("executemany", FAST, many),
        )  # fmt: skip
        return [_row("SQLite", way, count, [_timed(work, count) for _ in range(REPEATS)]) for way, count, work in ways]


def _rows(count: int) -> Rows:
    return [(number, f"row {number}") for number in range(count)]


def _timed(work: Callable[[Rows], None], count: int) -> float:
    rows, began = _rows(count), time.perf_counter()
    work(rows)
    return time.perf_counter() - began


async def _postgres(place: Place) -> list[dict[str, Any]]:
    import asyncpg

    connection = await asyncpg.connect(place.postgres.url)
    await connection.execute("CREATE TABLE bulk (session BIGINT, text TEXT)")
    insert = "INSERT INTO bulk VALUES ($1, $2)"

    async def each(rows: Rows) -> None:
        for row in rows:
            await connection.execute(insert, *row)

    async def together(rows: Rows) -> None:
        async with connection.transaction():
            await each(rows)

    async def many(rows: Rows) -> None:
        await connection.executemany(insert, rows)

    async def copy(rows: Rows) -> None:
        await connection.copy_records_to_table("bulk", records=rows)

    ways: tuple[tuple[str, int, Callable[[Rows], Awaitable[None]]], ...] = (
        ("a commit for each row", SLOW, each), ("one transaction", FAST // 10, together),
        ("executemany", FAST, many), ("COPY", FAST, copy),
    )  # fmt: skip
    found = []
    for way, count, work in ways:
        seconds = []
        for _ in range(REPEATS):
            rows, began = _rows(count), time.perf_counter()
            await work(rows)
            seconds.append(time.perf_counter() - began)
        found.append(_row("PostgreSQL", way, count, seconds))
    await connection.close()
    return found


def bulk_sentence(rates: list[dict[str, Any]]) -> str:
    """Say what every way reaches, by engine."""
    parts = []
    for engine in dict.fromkeys(rate["engine"] for rate in rates):
        own = sorted((r for r in rates if r["engine"] == engine), key=lambda rate: rate["rows/s"])
        ways = ", ".join(f"{rate['way']} {rate['rows/s']:,}" for rate in own)
        parts.append(f"{engine}: {ways} ({own[-1]['rows/s'] / own[0]['rows/s']:.0f} times)")
    return f"Rows per second, slowest way first. {'; '.join(parts)}. The median of {REPEATS} rounds: no interval."
