"""What an index costs a write, beside what it saves a read."""

from __future__ import annotations

from itertools import count

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed_async
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import PAGE, TABLES

READS, BATCHES, ROWS = 12, 12, 500


def index_read(lab: Laboratory) -> Contest:
    """Read a page of random sessions from the table without and the one with an index."""
    connection = lab.connect()

    def way(table: str) -> Work:
        sql = PAGE.format(table=table, mark="$1")

        def work(rng: np.random.Generator) -> Done:
            sessions = rng.integers(lab.place.sessions, size=lab.operations(READS)).tolist()
            return lab.run(timed_async(sessions, lambda session: connection.fetch(sql, session)))

        return work

    names = ("no index", "index on session and id")
    return Contest(
        key="index-read", strategy="ST-STATE-01", title="an index, for a page of history", pids=lab.postgres,
        condition=f"{lab.place.rows:,} rows, pages of random sessions",
        ways={name: way(table) for name, table in zip(names, TABLES, strict=True)},
        plans={n: lab.plan(PAGE.format(table=t, mark="1")) for n, t in zip(names, TABLES, strict=True)},
        facts={names[1]: f"index of {lab.megabytes('by_session')} beside a table of {lab.megabytes('plain')}"},
        price="disk, and time of every write (the next question)",
        turns="a table of a few pages; one that is only written",
    )  # fmt: skip


def index_write(lab: Laboratory) -> Contest:
    """Insert the same rows into a table without and one with that index; every batch is a transaction."""
    connection, numbers = lab.connect(), count()
    for table in ("written_plain", "written_indexed"):
        lab.execute(f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} (LIKE plain INCLUDING INDEXES)")
    lab.execute("CREATE INDEX ON written_indexed (session, id)")

    def way(table: str) -> Work:
        sql = f"INSERT INTO {table} SELECT $1 + i, (i * 7919) % 4000, 'said ' || i FROM generate_series(1, {ROWS}) AS i"

        def work(rng: np.random.Generator) -> Done:
            firsts = [next(numbers) * ROWS for _ in range(lab.operations(BATCHES))]
            return lab.run(timed_async(firsts, lambda first: connection.execute(sql, first))).written

        return work

    return Contest(
        key="index-write", strategy="ST-STATE-01", title="an index, for the writes", pids=lab.postgres,
        condition=f"transactions of {ROWS} rows", ways={"no index": way("written_plain"),
                                                        "index on session and id": way("written_indexed")},
        price="this is the price of the index", turns="see the reads",
    )  # fmt: skip
