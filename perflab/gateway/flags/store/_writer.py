"""A thread that owns the write connection and commits what waits for it as one transaction."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perflab.gateway.flags.store import Statement, StoreFull
from perflab.gateway.flags.store._database import connect, execute_all, transact

log = logging.getLogger("perflab.gateway.store")
BATCH = 500  # writes in one transaction at most


@dataclass(slots=True)
class Job:
    """One write, and whom to tell how it ended: the last row id, or the error."""

    statements: Sequence[Statement]
    done: Callable[[int, Exception | None], object]


class BatchWriter:
    """Group commit: while one transaction syncs, the next batch gathers, so a sync is shared by all that waited.

    `linger_s` waits after the first write of a batch to gather more; 0 commits as soon as the disk is free.
    """

    def __init__(self, path: Path, durability: str, limit: int, linger_s: float = 0.0) -> None:
        self._path, self._level, self._limit, self._linger_s = path, durability, limit, linger_s
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="state-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, job: Job) -> None:
        """Hand a write over; raises StoreFull when too many wait."""
        if self._jobs.qsize() >= self._limit:
            raise StoreFull(f"{self._limit} writes are waiting for the disk")
        self._jobs.put(job)

    def stop(self) -> None:
        """Commit everything that waits, then end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        connection = connect(self._path, self._level)
        try:
            while (first := self._jobs.get()) is not None:
                batch, last = self._gather(first)
                self._commit(connection, batch)
                if last:
                    break
        finally:
            connection.close()

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        if self._linger_s:
            time.sleep(self._linger_s)
        batch = [first]
        while len(batch) < BATCH:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, connection: sqlite3.Connection, batch: list[Job]) -> None:
        try:
            with connection:
                keys = [execute_all(connection, job.statements) for job in batch]
        except sqlite3.Error as error:
            self._commit_singly(connection, batch, error)
            return
        for job, key in zip(batch, keys, strict=True):
            job.done(key, None)

    def _commit_singly(self, connection: sqlite3.Connection, batch: list[Job], error: sqlite3.Error) -> None:
        """One bad write must not undo its neighbours: run each in its own transaction."""
        log.warning("batch of %d writes failed (%s); committing one by one", len(batch), error)
        for job in batch:
            try:
                key = transact(connection, job.statements)
            except sqlite3.Error as own:
                job.done(0, own)
            else:
                job.done(key, None)
