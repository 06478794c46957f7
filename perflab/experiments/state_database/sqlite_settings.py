"""SQLite's page cache, memory map and page size: the same pages of history under each setting."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import PAGE

QUERIES, CACHE_MB, MMAP_MB, LARGE_PAGE = 1500, 64, 256, 16384


def settings(lab: Laboratory) -> Contest:
    """Read pages of random sessions on a connection that is opened for each block, as a process that starts does."""
    small, large = lab.place.sqlite, lab.place.sqlite.with_name("pages.sqlite")
    with closing(sqlite3.connect(small)) as connection:
        own_page = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA page_size = {LARGE_PAGE}")
        if not large.exists():
            connection.execute("VACUUM INTO ?", (str(large),))
    sql = PAGE.format(table="indexed", mark="?")

    def way(path: Path, pragma: str) -> Work:
        def work(rng: np.random.Generator) -> Done:
            sessions = rng.integers(lab.place.sessions, size=QUERIES).tolist()
            with closing(sqlite3.connect(path)) as connection:
                connection.execute(pragma)
                return timed(sessions, lambda session: connection.execute(sql, (session,)).fetchall())

        return work

    return Contest(
        key="sqlite-settings", strategy="ST-STATE-14", title="SQLite's cache, map and page size",
        condition=f"{QUERIES} pages of history, file of {small.stat().st_size / 1e6:.0f} MB in the system's cache",
        ways={"as it comes (2 MB cache)": way(small, "PRAGMA cache_size = -2000"),
              f"cache of {CACHE_MB} MB": way(small, f"PRAGMA cache_size = -{CACHE_MB * 1000}"),
              f"memory map of {MMAP_MB} MB": way(small, f"PRAGMA mmap_size = {MMAP_MB << 20}"),
              f"pages of {LARGE_PAGE} bytes": way(large, "PRAGMA cache_size = -2000")},
        facts={f"cache of {CACHE_MB} MB": f"up to {CACHE_MB} MB for each connection, given back when it closes",
               "as it comes (2 MB cache)": f"pages of {own_page} bytes",
               f"pages of {LARGE_PAGE} bytes": f"file of {large.stat().st_size / 1e6:.0f} MB"},
        price="memory for each connection; an I/O error under a map kills the process instead of raising",
        turns="a file larger than memory; scans profit from large pages, single rows lose",
    )  # fmt: skip
