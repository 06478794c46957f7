"""Flag `store`: where session state is kept and when a write is safe. A value offers `build(settings, widen) -> State`.

`widen` changes the query of a page of history (a planted delay); a store without SQL has no use for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

BASELINE = "connect"
Statement = tuple[str, tuple[Any, ...]]
Row = tuple[Any, ...]
Widen = Callable[[str], str]


@dataclass(frozen=True)
class StoreSettings:
    """What a store may need: the SQLite file or the server's URL, how safe a write must be, and its bounds.

    `pool` connections to a server at most; an access waits up to `wait_s` for one (also while the server is away),
    and a command may take `command_s`. `replica_url`: a streaming replica of the PostgreSQL at `postgres_url`.
    """

    path: Path
    durability: str = "full"
    pending_writes: int = 10_000
    postgres_url: str = ""
    redis_url: str = ""
    pool: int = 8
    wait_s: float = 2.0
    command_s: float = 2.0
    replica_url: str = ""


class StateUnavailable(Exception):
    """The state cannot be reached just now; a write that raises this is not acknowledged, and may or may not stand."""


class StateRefused(Exception):
    """The state is there and will not take this access, however often it comes."""


class StoreFull(StateUnavailable):
    """More accesses are waiting than the gateway may hold."""


class Store(Protocol):
    """A way to read and write the state by SQL; `durability` says in words when a write is safe."""

    durability: str

    @property
    def reachable(self) -> bool:
        """Whether the last access reached the store."""

    def open(self) -> None:
        """Create the tables where they are missing and get ready."""

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query."""

    async def write(self, statements: Sequence[Statement]) -> None:
        """Run the statements as one transaction; returns when the store acknowledges it."""

    async def insert(self, statement: Statement) -> int:
        """Run one insertion and return its row id, always after the commit: no id is handed out that may vanish."""

    async def close(self) -> None:
        """Finish waiting writes and let go of file or server."""
