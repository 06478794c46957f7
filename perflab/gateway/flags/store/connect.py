"""A connection per access, used on the event loop: the tutorial's way with sqlite3."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from perflab.gateway.flags.store import Row, Statement, StoreSettings, Widen
from perflab.gateway.flags.store._database import connect, create, passing, transact
from perflab.gateway.state.sessions import SessionState


class ConnectStore:
    """Opens and closes the file for every access."""

    reachable = True

    def __init__(self, path: Path, durability: str) -> None:
        self._path, self._level = path, durability
        self.durability = f"committed before it is acknowledged; rollback journal, synchronous={durability}"

    def open(self) -> None:
        """Create the tables."""
        create(self._path, self._level, "DELETE")

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query."""
        with passing, closing(connect(self._path, self._level)) as connection:
            return connection.execute(sql, values).fetchall()

    async def write(self, statements: Sequence[Statement]) -> None:
        """Commit the statements on a connection of their own."""
        with passing, closing(connect(self._path, self._level)) as connection:
            transact(connection, statements)

    async def insert(self, statement: Statement) -> int:
        """Commit one insertion and return its row id."""
        with passing, closing(connect(self._path, self._level)) as connection:
            return transact(connection, [statement])

    async def close(self) -> None:
        """Nothing is held between accesses."""


def build(settings: StoreSettings, widen: Widen) -> SessionState:
    """Return the state; nothing waits, so no limit is used."""
    return SessionState(ConnectStore(settings.path, settings.durability), widen)
