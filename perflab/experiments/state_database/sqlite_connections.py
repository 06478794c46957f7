"""Connections to a SQLite file: opened for each read, one that all take in turn, or one for each who asks."""

from __future__ import annotations

import hashlib
import os
import queue
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import PAGE

ASKERS, QUERIES = 4, 240
Lend = Callable[[], AbstractContextManager[sqlite3.Connection]]


def connections(lab: Laboratory) -> Contest:
    """Let threads ask for pages of history at once, over a pool of one, over one of as many as ask, and over none."""

    def anew() -> AbstractContextManager[sqlite3.Connection]:
        return closing(sqlite3.connect(lab.place.sqlite))

    def way(lend: Lend) -> Work:
        return lambda rng: asked(lend, rng.integers(lab.place.sessions, size=QUERIES).tolist())

    return Contest(
        key="sqlite-connections", strategy="ST-STATE-03", title="connections to SQLite",
        condition=f"{QUERIES} pages of history asked for by {ASKERS} threads of one process on {_cores()}, each timed "
        "with its wait for a connection",
        ways={"opened for each access": way(anew), "one, taken in turn": way(pool(lab, 1)),
              f"{ASKERS}, one for each who asks": way(pool(lab, ASKERS))},
        price="a page cache of up to 2 MB for each connection that stays open; a transaction left open in one of them "
        "keeps the write-ahead log from being checkpointed",
        turns="an access now and then; long queries, which hold up all others of a pool of one; threads on several "
        "cores, which hand the interpreter's lock to and fro",
    )  # fmt: skip


def _cores() -> str:
    count = len(os.sched_getaffinity(0))
    return "one core" if count == 1 else f"{count} cores"


def pool(lab: Laboratory, size: int) -> Lend:
    """Return how one of `size` connections, which stay open, is borrowed: who finds none free waits."""
    free = queue.SimpleQueue[sqlite3.Connection]()
    for _ in range(size):
        free.put(lab.file(lab.place.sqlite, check_same_thread=False))

    @contextmanager
    def lend() -> Iterator[sqlite3.Connection]:
        connection = free.get()
        try:
            yield connection
        finally:
            free.put(connection)

    return lend


def asked(lend: Lend, sessions: list[int]) -> Done:
    """Ask for the page of each session, ASKERS at a time, timed from the wish for a connection to the answer."""
    sql = PAGE.format(table="indexed", mark="?")

    def one(session: int) -> tuple[float, list[tuple[int, str]]]:
        began = time.perf_counter()
        with lend() as connection:
            page = connection.execute(sql, (session,)).fetchall()
        return 1e3 * (time.perf_counter() - began), page

    used = time.process_time()
    with ThreadPoolExecutor(ASKERS) as threads:
        seen = list(threads.map(one, sessions))
    used = time.process_time() - used
    digest = hashlib.sha256(repr([page for _, page in seen]).encode()).hexdigest()
    return Done(np.array([took for took, _ in seen]), digest, cpu_s=used)
