"""A dashboard's totals: computed when asked for, kept as a materialised view, or counted on with every write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed_async
from perflab.experiments.state_database.laboratory import Laboratory

READS, WRITES, REFRESH_EVERY, SHOWN = 8, 40, 10, 10  # a refresh in ten writes: the 95th percentile holds it
LIVE = f"""SELECT session, count(*) AS n, max(id) AS last FROM indexed GROUP BY session
           ORDER BY n DESC, last DESC, session LIMIT {SHOWN}"""
KEPT = f"SELECT session, n, last FROM {{table}} ORDER BY n DESC, last DESC, session LIMIT {SHOWN}"
ALL = "SELECT session, count(*) AS n, max(id) AS last FROM {table} GROUP BY session"
NAMES = ("computed when asked", "materialised view", "counted on at each write")
STRATEGIES = {NAMES[1]: "ST-STATE-07", NAMES[2]: "ST-CACHE-20"}


def _prepare(lab: Laboratory) -> None:
    lab.execute(
        "DROP MATERIALIZED VIEW IF EXISTS totals_view", "DROP TABLE IF EXISTS totals",
        *_kept("totals_view", "totals", "indexed", "indexed"),
    )  # fmt: skip


def _kept(view: str, totals: str, of_view: str, of_totals: str) -> tuple[str, ...]:
    """Return the statements that make both kinds of totals, each with the index that lets ten of them be read."""
    return (
        f"CREATE MATERIALIZED VIEW {view} AS {ALL.format(table=of_view)}",
        f"CREATE TABLE {totals} AS {ALL.format(table=of_totals)}",
        f"ALTER TABLE {totals} ADD PRIMARY KEY (session)", f"CREATE UNIQUE INDEX ON {view} (session)",
        *(f"CREATE INDEX ON {table} (n DESC, last DESC, session)" for table in (totals, view)),
        f"ANALYZE {totals}", f"ANALYZE {view}",
    )  # fmt: skip


def dashboard_read(lab: Laboratory) -> Contest:
    """Read the ten sessions with most rows."""
    _prepare(lab)
    connection = lab.connect()
    queries = dict(zip(NAMES, (LIVE, KEPT.format(table="totals_view"), KEPT.format(table="totals")), strict=True))

    def way(sql: str) -> Work:
        return lambda rng: lab.run(timed_async([sql] * READS, connection.fetch))

    return Contest(
        key="precompute-read", strategy="ST-STATE-07", title="precomputed totals, to read them", pids=lab.postgres,
        condition=f"the top ten of {lab.place.sessions:,} sessions in {lab.place.rows:,} rows",
        ways={name: way(sql) for name, sql in queries.items()}, strategies=STRATEGIES,
        plans={name: lab.plan(sql) for name, sql in queries.items()},
        facts={NAMES[1]: f"{lab.megabytes('totals_view')}, old since the last refresh",
               NAMES[2]: f"{lab.megabytes('totals')}, never old"},
        gives_up={NAMES[1]: "what was written since the last refresh"},
        price="see the writes; a view is as old as its last refresh", turns="asked more seldom than it is refreshed",
    )  # fmt: skip


def dashboard_write(lab: Laboratory) -> Contest:
    """Write a row; beside it nothing, a refresh every REFRESH_EVERY rows, or one count more.

    Tables, totals and indexes are as large as those that `dashboard_read` reads: gain and price are of one table.
    """
    lab.execute("DROP TABLE IF EXISTS dash_totals")
    for kind in ("plain", "view", "counted"):
        lab.execute(f"DROP TABLE IF EXISTS dash_{kind} CASCADE", f"CREATE TABLE dash_{kind} (LIKE plain)",
                    f"INSERT INTO dash_{kind} SELECT * FROM plain",
                    f"ALTER TABLE dash_{kind} ADD PRIMARY KEY (id)",
                    f"CREATE INDEX ON dash_{kind} (session, id)", f"VACUUM ANALYZE dash_{kind}")  # fmt: skip
    lab.execute(*_kept("dash_shown", "dash_totals", "dash_view", "dash_counted"))
    sessions = lab.place.sessions
    connection, numbers = lab.connect(), count(lab.place.rows)

    async def plain(number: int, table: str = "dash_plain") -> None:
        await connection.execute(f"INSERT INTO {table} VALUES ($1, $2, 'said')", number, number % sessions)

    async def refreshed(number: int) -> None:
        await plain(number, "dash_view")
        if number % REFRESH_EVERY == 0:
            await connection.execute("REFRESH MATERIALIZED VIEW dash_shown")

    async def counted(number: int) -> None:
        async with connection.transaction():
            await plain(number, "dash_counted")
            await connection.execute(
                "INSERT INTO dash_totals VALUES ($1, 1, $2) ON CONFLICT (session) DO UPDATE "
                "SET n = dash_totals.n + 1, last = excluded.last", number % sessions, number,
            )  # fmt: skip

    def way(one: Callable[[int], Awaitable[None]]) -> Work:
        def work(rng: np.random.Generator) -> Done:
            fresh = [next(numbers) for _ in range(WRITES)]
            return lab.run(timed_async(fresh, one)).written

        return work

    return Contest(
        key="precompute-write", strategy="ST-STATE-07", title="precomputed totals, to write", pids=lab.postgres,
        condition=f"a row in each transaction, the view refreshed every {REFRESH_EVERY} rows (of {lab.place.rows:,}, "
        f"{sessions:,} sessions)",
        ways=dict(zip(NAMES, map(way, (plain, refreshed, counted)), strict=True)), strategies=STRATEGIES,
        price="this is the price of precomputing; a row that everybody counts on becomes a queue; a refresh computes "
        "all totals anew and locks readers out meanwhile (not measured here)",
        turns="a hot session: its total is locked until the writer's commit",
    )  # fmt: skip
