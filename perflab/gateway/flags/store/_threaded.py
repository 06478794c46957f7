"""What the stores with a writer thread share: a reading connection on the loop, and commits that can be awaited."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perflab.gateway.flags.store import Row, Statement
from perflab.gateway.flags.store._database import connect, create, passing
from perflab.gateway.flags.store._writer import BatchWriter, Job


class ThreadedStore:
    """Write-ahead log: readers on the event loop never wait for the writer thread."""

    def __init__(self, path: Path, durability: str, limit: int, linger_s: float) -> None:
        self._path, self._level = path, durability
        self._writer = BatchWriter(path, durability, limit, linger_s)

    @property
    def reachable(self) -> bool:
        """Whether the writer runs and its last commit came about."""
        return self._writer.works

    def open(self) -> None:
        """Create the tables, connect for reading and start the writer."""
        create(self._path, self._level, "WAL")
        self._reader: sqlite3.Connection = connect(self._path, self._level)
        self._writer.start()

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query."""
        with passing:
            return self._reader.execute(sql, values).fetchall()

    async def insert(self, statement: Statement) -> int:
        """Commit one insertion and return its row id."""
        return await self._commit([statement])

    async def _commit(self, statements: Sequence[Statement]) -> int:
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[int] = loop.create_future()

        def settle(key: int, error: Exception | None) -> None:
            if committed.done():
                return  # the waiter was cancelled; the write itself stands
            if error is None:
                committed.set_result(key)
            else:
                committed.set_exception(error)

        self._writer.put(Job(statements, lambda key, error: loop.call_soon_threadsafe(settle, key, error)))
        return await committed

    async def close(self) -> None:
        """Commit what waits, then close."""
        self._writer.stop()
        self._reader.close()
