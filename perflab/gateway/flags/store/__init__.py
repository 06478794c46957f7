"""Flag `store`: how session state reaches SQLite. A value offers `build(path, durability, limit) -> Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

BASELINE = "connect"
Statement = tuple[str, tuple[Any, ...]]
Row = tuple[Any, ...]


class StoreFull(Exception):
    """More writes are waiting than the gateway may hold."""


class Store(Protocol):
    """A way to read and write the state; `durability` says in words when a write is safe."""

    durability: str

    def open(self) -> None:
        """Create the tables where they are missing and get ready."""

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query."""

    async def write(self, statements: Sequence[Statement]) -> None:
        """Run the statements as one transaction; returns when the store acknowledges it."""

    async def insert(self, statement: Statement) -> int:
        """Run one insertion and return its row id, always after the commit: no id is handed out that may vanish."""

    def close(self) -> None:
        """Finish waiting writes and let go of the file."""
