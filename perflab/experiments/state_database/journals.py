"""Readers beside a writer in SQLite: the rollback journal against the write-ahead log, every commit synced."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.strategies.experiment import FigureSpec

JOURNALS = {"rollback journal": "DELETE", "write-ahead log": "WAL"}
ROWS, READS, PAUSE_S, WAIT_S = 2000, 60, 0.002, 10.0
COMMIT = FigureSpec("commit_ms", "commit median", "ms", 0.10)
_number = itertools.count()  # of every write of this process: SQLite syncs nothing for a row that it finds unchanged


def beside_a_writer(lab: Laboratory) -> Contest:
    """Let one thread read while another commits, under each journal, on connections and a file of its own.

    Reads ask for rows that the writer leaves alone, so that the answers are equal; the locks are the whole file's.
    """

    def way(journal: str) -> Work:
        path = lab.place.sqlite.with_name(f"journal-{journal}.sqlite")
        reader = lab.file(path, timeout=WAIT_S)
        writer = lab.file(path, timeout=WAIT_S, check_same_thread=False)
        fill(reader, journal)
        writer.execute("PRAGMA synchronous = full")
        return lambda rng: read_beside(reader, writer, rng)

    return Contest(
        key="journals", strategy="ST-STATE-14", title="a reader beside a writer in SQLite", figures=(COMMIT,),
        condition=f"{READS} reads of a row, each {1e3 * PAUSE_S:g} ms after the last, while another thread commits row "
        "after row, every commit synced; response: of a read; CPU per read and commit",
        ways={name: way(journal) for name, journal in JOURNALS.items()},
        facts={"write-ahead log": "two more files, -wal and -shm, which a copy of the database must take along"},
        price="a checkpoint, which some commit pays for, writes the rows a second time; a log that grows while a "
        "reader stays in its transaction",
        turns="file systems of a network, whose locks it cannot use; one connection alone that seldom writes",
    )  # fmt: skip


def fill(connection: sqlite3.Connection, journal: str) -> None:
    """Bring the table to its first state under a journal: rows of even id are read, the others written."""
    connection.execute(f"PRAGMA journal_mode = {journal}")
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", ((i, f"{i:200}") for i in range(ROWS)))


def read_beside(reader: sqlite3.Connection, writer: sqlite3.Connection, rng: np.random.Generator) -> Done:
    """Read READS rows while the writer commits until the last of them; the commits' median beside the reads."""
    numbers, written = 2 * rng.integers(ROWS // 2, size=READS), 1 + 2 * rng.integers(ROWS // 2, size=ROWS)
    took, answers = np.zeros(READS), hashlib.sha256()
    over, commits = threading.Event(), list[float]()

    def write() -> None:
        while not commits or not over.wait(PAUSE_S):
            row, text = int(written[len(commits) % ROWS]), f"w{next(_number):199}"
            began = time.perf_counter()
            with writer:
                writer.execute("UPDATE state SET text = ? WHERE id = ?", (text, row))
            commits.append(1e3 * (time.perf_counter() - began))

    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(write)
        try:
            for i, number in enumerate(numbers.tolist()):
                time.sleep(PAUSE_S)
                began = time.perf_counter()
                rows = reader.execute("SELECT text FROM state WHERE id = ?", (number,)).fetchall()
                took[i] = 1e3 * (time.perf_counter() - began)
                answers.update(repr(rows).encode())
        finally:
            over.set()
        busy.result()
    return Done(took, answers.hexdigest(), {COMMIT.column: float(np.median(commits))}, requests=READS + len(commits))
