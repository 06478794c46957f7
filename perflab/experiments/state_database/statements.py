"""Prepared statements: the same query planned each time, or parsed and planned once for each connection."""

from __future__ import annotations

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed, timed_async
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import PAGE

QUERIES, FROM_FILE = 120, 600


def prepared(lab: Laboratory) -> Contest:
    """Ask for a page of history of random sessions, with asyncpg's cache of statements and without."""
    sql = PAGE.format(table="indexed", mark="$1")

    def way(cached: int) -> Work:
        connection = lab.connect(statement_cache_size=cached)

        def work(rng: np.random.Generator) -> Done:
            sessions = rng.integers(lab.place.sessions, size=QUERIES).tolist()
            return lab.run(timed_async(sessions, lambda session: connection.fetch(sql, session)))

        return work

    ways = {"planned each time": way(0), "prepared once": way(100)}
    return Contest(
        key="statements", strategy="ST-STATE-02", title="prepared statements", pids=lab.postgres,
        condition=f"a page of history, {QUERIES} queries one after the other on one connection; the driver's cache of "
        "statements, which asyncpg has by default, switched off against on",
        ways=ways,
        plans=dict.fromkeys(ways, lab.plan(PAGE.format(table="indexed", mark="1"))),
        price="memory for each connection and statement; after five runs the server may keep one plan for all values, "
        "which does not suit skewed ones",
        turns="a pool that lends a connection for each transaction loses them; a long query gains nothing",
    )  # fmt: skip


def prepared_in_sqlite(lab: Laboratory) -> Contest:
    """Ask for a page of history of random sessions, with the connection's cache of statements and without."""
    sql = PAGE.format(table="indexed", mark="?")

    def way(cached: int) -> Work:
        connection = lab.file(lab.place.sqlite, cached_statements=cached)

        def page(session: int) -> list[tuple[int, str]]:
            return connection.execute(sql, (session,)).fetchall()

        return lambda rng: timed(rng.integers(lab.place.sessions, size=FROM_FILE).tolist(), page)

    return Contest(
        key="sqlite-statements", strategy="ST-STATE-02", title="prepared statements in SQLite",
        condition=f"a page of history, {FROM_FILE} queries one after the other on one connection; its cache of "
        "statements, which Python's sqlite3 has by default, switched off against on",
        ways={"compiled each time": way(0), "compiled once": way(128)},
        price="some kB for each statement and connection; values must be parameters: written into the text, every "
        "statement is a new one",
        turns="a connection for each access, which forgets them; a long query gains nothing",
    )  # fmt: skip
