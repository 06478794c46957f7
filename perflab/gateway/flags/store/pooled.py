"""One open connection, used on the event loop: the same commits without opening the file each time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perflab.gateway.flags.store import Row, Statement, StoreSettings, Widen
from perflab.gateway.flags.store._database import connect, create, passing, transact
from perflab.gateway.state.sessions import SessionState


class PooledStore:
    """Keeps one connection, with its page and statement caches."""

    reachable = True

    def __init__(self, path: Path, durability: str) -> None:
        self._path, self._level = path, durability
        self.durability = f"committed before it is acknowledged; rollback journal, synchronous={durability}"

    def open(self) -> None:
        """Create the tables and connect."""
        create(self._path, self._level, "DELETE")
        self._connection: sqlite3.Connection = connect(self._path, self._level)

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query."""
        with passing:
            return self._connection.execute(sql, values).fetchall()

    async def write(self, statements: Sequence[Statement]) -> None:
        """Commit the statements."""
        with passing:
            transact(self._connection, statements)

    async def insert(self, statement: Statement) -> int:
        """Commit one insertion and return its row id."""
        with passing:
            return transact(self._connection, [statement])

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def build(settings: StoreSettings, widen: Widen) -> SessionState:
    """Return the state; nothing waits, so no limit is used."""
    return SessionState(PooledStore(settings.path, settings.durability), widen)
