"""SQLite's page cache, memory map and page size: the same pages of history under each setting."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work, timed
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import PAGE
from perflab.instrument.high_water import own_bytes

QUERIES, CACHE_MB, MMAP_MB, LARGE_PAGE = 1500, 64, 256, 16384


def settings(lab: Laboratory) -> Contest:
    """Read pages of random sessions on connections that stay open and have read every session's page once.

    Opened anew for each block, a large cache would be measured while it fills, and be thrown away when it is full.
    """
    small, large = lab.place.sqlite, lab.place.sqlite.with_name("pages.sqlite")
    with closing(sqlite3.connect(small)) as connection:
        own_page = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA page_size = {LARGE_PAGE}")
        if not large.exists():
            connection.execute("VACUUM INTO ?", (str(large),))
    sql, kept = PAGE.format(table="indexed", mark="?"), dict[str, float]()
    names = ("as it comes (2 MB cache)", f"cache of {CACHE_MB} MB", f"memory map of {MMAP_MB} MB",
             f"pages of {LARGE_PAGE} bytes")  # fmt: skip

    def way(name: str, path: Path, pragma: str) -> Work:
        connection, stood = lab.file(path), own_bytes(os.getpid())
        connection.execute(f"PRAGMA {pragma}")

        def page(session: int) -> list[tuple[int, str]]:
            return connection.execute(sql, (session,)).fetchall()

        def work(rng: np.random.Generator) -> Done:
            return timed(rng.integers(lab.place.sessions, size=QUERIES).tolist(), page)

        for session in range(lab.place.sessions):
            page(session)
        kept[name] = max(own_bytes(os.getpid()) - stood, 0) / 1e6

        return work

    pragmas = ("cache_size = -2000", f"cache_size = -{CACHE_MB * 1000}", f"mmap_size = {MMAP_MB << 20}",
               "cache_size = -2000")  # fmt: skip
    files = (small, small, small, large)

    return Contest(
        key="sqlite-settings", strategy="ST-STATE-14", title="SQLite's cache, map and page size",
        condition=f"{QUERIES} pages of history on a connection that stays open and has read all of them once, file of "
        f"{small.stat().st_size / 1e6:.0f} MB in the system's cache",
        ways={name: way(name, path, pragma) for name, path, pragma in zip(names, files, pragmas, strict=True)},
        standing=kept,
        facts={names[0]: f"pages of {own_page} bytes",
               names[1]: f"up to {CACHE_MB} MB for each connection, given back when it closes",
               names[2]: "pages of the system's cache, which are nobody's own",
               names[3]: f"file of {large.stat().st_size / 1e6:.0f} MB"},
        price="memory for each connection; an I/O error under a map kills the process instead of raising",
        turns="a connection for each access: its cache is filled and thrown away each time; a file larger than memory; "
        "scans profit from large pages, single rows lose",
    )  # fmt: skip
