"""The databases that the measurements share: two tables with the same rows, one of them indexed, in both engines."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.system.servers.server import EmbeddedServer, start_server

QUICK_ROWS, FULL_ROWS = 200_000, 1_000_000
PER_SESSION = 50
TABLES = ("plain", "indexed")
PAGE = "SELECT id, text FROM {table} WHERE session = {mark} ORDER BY id DESC LIMIT 6"
COLUMNS = "id BIGINT PRIMARY KEY, session BIGINT NOT NULL, text TEXT NOT NULL"
Answer = TypeVar("Answer")


@dataclass
class Place:
    """A folder with a SQLite file, a PostgreSQL and a Redis; `close` ends and removes all of it."""

    rows: int
    folder: tempfile.TemporaryDirectory[str]
    postgres: EmbeddedServer
    redis: EmbeddedServer

    @property
    def sqlite(self) -> Path:
        """The SQLite file."""
        return Path(self.folder.name) / "state.sqlite"

    @property
    def sessions(self) -> int:
        """How many sessions the rows belong to."""
        return self.rows // PER_SESSION

    def close(self) -> None:
        """Stop the servers and remove every file."""
        self.postgres.stop()
        self.redis.stop()
        self.folder.cleanup()


def aside(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run asynchronous work to its end from a notebook, whose own event loop is busy running the cell."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def open_place(study: Study) -> Place:
    """Start the servers on the cores of the system and fill both tables of both engines."""
    logs = study.run.folder("trials")
    servers = {
        kind: start_server(kind, kind, logs / f"24-{kind}.log", cores=study.cores.system)
        for kind in ("postgres", "redis")
    }
    rows = QUICK_ROWS if study.quick else FULL_ROWS
    place = Place(rows, tempfile.TemporaryDirectory(prefix="perflab-24-"), servers["postgres"], servers["redis"])
    _fill_sqlite(place)
    aside(_fill_postgres(place))
    return place


def rows_of(place: Place) -> Iterator[tuple[int, int, str]]:
    """Yield the rows as a live system writes them: sessions mixed, not one after the other."""
    for number in range(place.rows):
        yield number, number % place.sessions, f"what was said in row {number}"


def _fill_sqlite(place: Place) -> None:
    with closing(sqlite3.connect(place.sqlite)) as connection, connection:
        connection.execute("PRAGMA synchronous = off")
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table} ({COLUMNS})")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows_of(place))
        connection.execute("CREATE INDEX by_session ON indexed (session, id)")
        connection.execute("ANALYZE")


async def _fill_postgres(place: Place) -> None:
    import asyncpg

    connection = await asyncpg.connect(place.postgres.url)
    for table in TABLES:
        await connection.execute(f"CREATE TABLE {table} ({COLUMNS})")
        await connection.copy_records_to_table(table, records=rows_of(place))
    await connection.execute("CREATE INDEX by_session ON indexed (session, id)")
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def same_answers(place: Place, asked: int = 12) -> list[TrustCheck]:
    """Check that all four tables give the page that plain Python takes from the rows themselves."""
    draw = random.Random(24)
    numbers = [draw.randrange(place.sessions) for _ in range(asked)]
    newest = {n: [place.rows - place.sessions + n - place.sessions * back for back in range(6)] for n in numbers}
    wanted = {n: [(i, f"what was said in row {i}") for i in newest[n]] for n in numbers}
    found = {"SQLite": sqlite_pages(place, numbers), "PostgreSQL": aside(postgres_pages(place, numbers))}
    checks = []
    for engine, pages in found.items():
        right = sum(pages[table, n] == wanted[n] for table in TABLES for n in numbers)
        total = len(TABLES) * len(numbers)
        checks.append(TrustCheck(name=f"{engine}: pages equal the plain ones, with index and without",
                                 passed=right == total, observed=f"{right} of {total}", limit="all"))  # fmt: skip
    return checks


def sqlite_pages(place: Place, numbers: list[int]) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """Return the page of each session from each table."""
    with closing(sqlite3.connect(place.sqlite)) as connection:
        return {(t, n): connection.execute(PAGE.format(table=t, mark="?"), (n,)).fetchall()
                for t in TABLES for n in numbers}  # fmt: skip


async def postgres_pages(place: Place, numbers: list[int]) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """Return the page of each session from each table."""
    import asyncpg

    connection = await asyncpg.connect(place.postgres.url)
    try:
        return {(t, n): [tuple(row) for row in await connection.fetch(PAGE.format(table=t, mark="$1"), n)]
                for t in TABLES for n in numbers}  # fmt: skip
    finally:
        await connection.close()
