"""Which reads are sent a second time: one whose connection broke, and not one that took all of its time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from perflab.gateway.flags.store import StateUnavailable, StoreSettings
from perflab.gateway.flags.store._postgres import PostgresStore

BROKEN = (ConnectionResetError("gone"), asyncpg.ConnectionDoesNotExistError("gone"))


class Failing:
    """A connection, and the pool of it, on which a query always ends in the same error."""

    def __init__(self, error: Exception) -> None:
        self.error, self.sent = error, 0

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        self.sent += 1
        raise self.error

    def terminate(self) -> None:
        """Nothing is open."""

    async def release(self, connection: object) -> None:
        """Nothing is kept."""


@pytest.mark.parametrize(("error", "sent"), [(TimeoutError(), 1), *((broken, 2) for broken in BROKEN)])
def test_a_read_out_of_time_is_not_sent_again_and_one_whose_connection_broke_is(
    error: Exception, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, failing = PostgresStore(StoreSettings(Path("unused"), postgres_url="postgresql://unused")), Failing(error)

    async def acquired(_: float) -> Failing:
        return failing

    monkeypatch.setattr(store, "_acquire", acquired)
    monkeypatch.setattr(store, "_pool", failing)
    with pytest.raises(StateUnavailable):
        asyncio.run(store.read("SELECT 1", ()))
    assert failing.sent == sent
