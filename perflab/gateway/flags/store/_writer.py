"""A thread that owns the write connection and commits what waits for it as one transaction."""

from __future__ import annotations

import logging
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perflab.gateway.flags.store import Statement, StateUnavailable, StoreFull
from perflab.gateway.flags.store._database import connect, execute_all, passes, transact

log = logging.getLogger("perflab.gateway.store")
BATCH = 500  # writes in one transaction at most
RETRY_S = 0.25
CLOSE_S = 5.0  # for what waits when the store is closed
TRYING = 0.75  # of that time; the rest is room to tell each writer what is lost, after an attempt that is under way


@dataclass(slots=True)
class Job:
    """One write, and whom to tell how it ended: the last row id, or the error.

    One that was `acknowledged` is tried again while the file is locked or the disk full; any other is told so.
    """

    statements: Sequence[Statement]
    done: Callable[[int, Exception | None], object]
    acknowledged: bool = False


class BatchWriter:
    """Group commit: while one transaction syncs, the next batch gathers, so a sync is shared by all that waited.

    `linger_s` waits after the first write of a batch to gather more; 0 commits as soon as the disk is free.
    """

    def __init__(self, path: Path, durability: str, limit: int, linger_s: float = 0.0) -> None:
        self._path, self._level, self._limit, self._linger_s = path, durability, limit, linger_s
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="state-writer", daemon=True)
        self._held = 0  # acknowledged writes that the file did not take and that are tried again
        self._away = self._last = False
        self._give_up_s = math.inf

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether the thread runs and the file took the last batch."""
        return self._thread.is_alive() and not self._away

    def put(self, job: Job) -> None:
        """Hand a write over; raises StoreFull when too many wait."""
        if self._jobs.qsize() + self._held >= self._limit:
            raise StoreFull(f"{self._limit} writes are waiting for the disk")
        self._jobs.put(job)

    def stop(self) -> None:
        """Commit everything that waits, for `CLOSE_S` at most, then end the thread."""
        self._give_up_s = time.monotonic() + TRYING * CLOSE_S
        self._jobs.put(None)
        self._thread.join(timeout=CLOSE_S)
        if self._thread.is_alive():
            log.error("up to %d writes are lost: the file did not take them", self._jobs.qsize() + self._held)

    def _run(self) -> None:
        connection = connect(self._path, self._level)
        batch: list[Job] = []
        try:
            while self._gather(batch):
                batch = self._commit(connection, batch)
                self._held = len(batch)
                if batch and time.monotonic() >= self._give_up_s:
                    self._lose(batch)
                elif batch:
                    time.sleep(RETRY_S)
        finally:
            connection.close()

    def _gather(self, batch: list[Job]) -> bool:
        """Add what waits to a batch, which may hold what is tried again; False once there is nothing left to do."""
        if not batch and not self._last:
            self._take(batch, self._jobs.get())
            if self._linger_s and batch:
                time.sleep(self._linger_s)
        with suppress(queue.Empty):
            while len(batch) < BATCH and not self._last:
                self._take(batch, self._jobs.get_nowait())
        return bool(batch)

    def _take(self, batch: list[Job], job: Job | None) -> None:
        if job is None:
            self._last = True
        else:
            batch.append(job)

    def _commit(self, connection: sqlite3.Connection, batch: list[Job]) -> list[Job]:
        """Commit a batch and return what of it is to be tried again."""
        try:
            with connection:
                keys = [execute_all(connection, job.statements) for job in batch]
        except Exception as error:  # whatever a write brings, the thread must live for those behind it
            # SQLite's own errors are not all: an int of over 63 bits is an OverflowError, a lone surrogate a
            # UnicodeEncodeError.
            return self._put_off(batch, error) if passes(error) else self._commit_singly(connection, batch, error)
        self._away = False
        for job, key in zip(batch, keys, strict=True):
            job.done(key, None)
        return []

    def _commit_singly(self, connection: sqlite3.Connection, batch: list[Job], error: Exception) -> list[Job]:
        """One bad write must not undo its neighbours: run each in its own transaction."""
        log.warning("batch of %d writes failed (%s); committing one by one", len(batch), error)
        for number, job in enumerate(batch):
            try:
                key = transact(connection, job.statements)
            except Exception as own:  # as above
                if passes(own):
                    return self._put_off(batch[number:], own)
                job.done(0, own)
            else:
                job.done(key, None)
        self._away = False
        return []

    def _put_off(self, batch: list[Job], error: Exception) -> list[Job]:
        """Tell those who still wait for an answer that there is none, and return the acknowledged writes."""
        if not self._away:
            log.error("the state's file takes no writes: %s", error)
        self._away = True
        for job in batch:
            if not job.acknowledged:
                job.done(0, StateUnavailable(f"the state's file cannot be used: {error}"))
        return [job for job in batch if job.acknowledged]

    def _lose(self, batch: list[Job]) -> None:
        for job in batch:
            job.done(0, StateUnavailable("the state's file could not be used before the gateway stopped"))
        batch.clear()
