"""The reading side of a split store: a replica that may be away, slow, or no replica at all."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import asyncpg

from perflab.gateway.flags.store import Row, StateUnavailable, StoreSettings
from perflab.gateway.flags.store._postgres import PostgresStore

# A read that got no connection, or then no answer, by these goes to the primary, and still is in time.
WAIT_S, COMMAND_S = 0.1, 0.25
REST_S = 0.5


class ReplicaStore(PostgresStore):
    """Reads from a streaming replica; makes no tables, and refuses a server that replays nothing.

    A read takes at most 0.1 s to a connection and 0.25 s to its answer; the first one 0.25 s more, for it asks whether
    the server is a replica.
    """

    def __init__(self, settings: StoreSettings) -> None:
        super().__init__(
            dataclasses.replace(
                settings, postgres_url=settings.replica_url, wait_s=min(settings.wait_s, WAIT_S),
                command_s=min(settings.command_s, COMMAND_S),
            ),
            "the replica",
        )  # fmt: skip
        self._rests_until = 0.0

    def awake(self) -> bool:
        """Whether it is worth asking: after a failure nobody asks for a while, then one does."""
        if not self._rests_until:
            return True
        if (now := time.monotonic()) < self._rests_until:
            return False
        self._rests_until = now + REST_S  # this one tries; the others do not wait with it
        return True

    async def read(self, sql: str, values: tuple[Any, ...]) -> list[Row]:
        """Return all rows of a query; raises StateUnavailable for whatever keeps a replica from answering.

        Also where replay cancelled the query because it removed rows that the query still reads.
        """
        try:
            rows = await super().read(sql, values)
        except StateUnavailable as error:
            if not isinstance(error.__cause__, asyncpg.TransactionRollbackError):  # replay's cancelling is no absence
                self._rests_until = time.monotonic() + REST_S
            raise
        except asyncpg.PostgresError as error:
            raise StateUnavailable(f"the replica refused: {error}"[:300]) from error
        self._rests_until = 0.0
        return rows

    async def _create_tables(self, connection: Any) -> None:
        """Nothing can be made here: see that it follows somebody, as a promoted one no longer does."""
        if not await connection.fetchval("SELECT pg_is_in_recovery()"):
            raise StateUnavailable("the server at the replica's url is no replica")
        self._has_tables = True
