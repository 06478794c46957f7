"""Opening the SQLite file the same way for every store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from perflab.errors import UsageError
from perflab.gateway.flags.store import Statement, StateUnavailable
from perflab.gateway.state.schema import SCHEMA

BUSY_S = 5.0
PASSING = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip


class Passing:
    """Within it, what may be gone at the next try (a locked file, a full disk) is StateUnavailable, not SQLite's error.

    A statement that is wrong stays SQLite's error: it is refused however often it comes.
    """

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the gateway's error in place of SQLite's."""
        if error is not None and passes(error):
            raise StateUnavailable(f"the state's file cannot be used: {error}") from error


passing = Passing()


def passes(error: BaseException) -> bool:
    """Whether an error says nothing of the access, only of how the file is just now."""
    return isinstance(error, sqlite3.OperationalError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING


def connect(path: Path, durability: str, *, shared: bool = False) -> sqlite3.Connection:
    """Open the file at a stated synchronous level; `shared` lets another thread use the connection."""
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=not shared)
    connection.execute(f"PRAGMA synchronous = {durability}")
    return connection


def create(path: Path, durability: str, journal: str) -> None:
    """Create the tables and set the journal mode; raises UsageError when the file is no database."""
    try:
        connection = connect(path, durability)
        try:
            connection.execute(f"PRAGMA journal_mode = {journal}")
            connection.executescript(SCHEMA)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise UsageError(f"--database {path}: {error}", "must be a SQLite file that can be written") from None


def execute_all(connection: sqlite3.Connection, statements: Sequence[Statement]) -> int:
    """Run statements inside the caller's transaction and return the last row id."""
    key = 0
    for sql, values in statements:
        key = connection.execute(sql, values).lastrowid or key
    return key


def transact(connection: sqlite3.Connection, statements: Sequence[Statement]) -> int:
    """Run statements as one transaction and return the last row id."""
    with connection:
        return execute_all(connection, statements)
