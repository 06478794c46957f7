"""What a state server says of itself is waited for; what it says of a write is refused, and harms no other write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateRefused, StateUnavailable, StoreSettings
from perflab.gateway.flags.store._postgres import PostgresStore
from perflab.gateway.flags.store._redis_link import RedisLink
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.system.servers.server import EmbeddedServer, embedded

from .cached_states import cached_state, sqlite_state, turn


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with embedded("redis", tmp_path_factory.mktemp("redis") / "redis.log") as started:
        yield started


class Connection:
    """A connection of PostgreSQL or Redis whose server answers with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def fetch(self, sql: str, *values: Any) -> Any:
        raise self.error

    async def send_command(self, *command: Any) -> None:
        pass

    async def read_response(self) -> Any:
        raise self.error


class Pool:
    """Its one connection."""

    def __init__(self, error: Exception) -> None:
        self.connection = Connection(error)

    async def acquire(self, timeout: float) -> Connection:
        return self.connection

    async def get_connection(self) -> Connection:
        return self.connection

    async def release(self, connection: Connection) -> None:
        pass


def told_by_postgres(error: Exception) -> Any:
    store = PostgresStore(StoreSettings(Path(), wait_s=0.01))
    store._pool, store._has_tables = Pool(error), True
    return asyncio.run(store.read("SELECT 1", ()))


def told_by_redis(error: Exception) -> Any:
    link = RedisLink(StoreSettings(Path(), redis_url="redis://127.0.0.1:1", wait_s=0.01))
    link._pool, link.durability = Pool(error), "known"  # type: ignore[assignment]
    return asyncio.run(link.read("GET", "x"))


@pytest.mark.parametrize("error", [
    asyncpg.DiskFullError("full"), asyncpg.QueryCanceledError("cancelled"),
    asyncpg.ReadOnlySQLTransactionError("replica"), asyncpg.DeadlockDetectedError("deadlock"),
])  # fmt: skip
def test_a_postgres_that_cannot_just_now_is_unavailable(error: Exception) -> None:
    with pytest.raises(StateUnavailable, match=str(error)):
        told_by_postgres(error)


def test_a_statement_that_postgres_refuses_is_no_outage() -> None:
    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        told_by_postgres(asyncpg.NumericValueOutOfRangeError("too large"))


@pytest.mark.parametrize("error", [
    OutOfMemoryError("command not allowed"), ReadOnlyError("a replica"), ResponseError("MISCONF cannot save"),
    ResponseError("BUSY running a script"), ResponseError("Error running script: -OOM command not allowed"),
])  # fmt: skip
def test_a_redis_that_cannot_just_now_is_unavailable(error: Exception) -> None:
    with pytest.raises(StateUnavailable, match="refused"):
        told_by_redis(error)


def test_a_command_that_redis_refuses_is_no_outage() -> None:
    with pytest.raises(StateRefused, match="WRONGTYPE"):
        told_by_redis(ResponseError("WRONGTYPE Operation against a key of another kind"))


def test_a_poisoned_write_over_redis_is_dropped_and_the_others_go_on(server: EmbeddedServer, tmp_path: Path) -> None:
    async def run() -> None:
        with redis.Redis.from_url(server.url) as client:
            client.set("gw:session:7", "no session")
        store = implementation("store", "redis").build(StoreSettings(tmp_path, redis_url=server.url), lambda sql: sql)
        made = CacheSettings(write="behind", linger_s=0.02, ttl_s=60)
        state = implementation("cache", "l1").build(store, made)
        state.open()
        for session in (6, 7, 8):
            await state.open_session(session, "Ada", "assistant")
            await state.record_turn(session, turn(1))
        async with asyncio.timeout(5):
            while state.counts.pending:
                await asyncio.sleep(0.005)
        rows = [await store.session(session) for session in (6, 8)]
        assert [row.turns for row in rows] == [1, 1]
        await state.close()

    asyncio.run(run())


class OneByOne:
    """A state that takes changes one by one, and is away for the moment of its n-th turn."""

    def __init__(self, below: Any, fails_at: int) -> None:
        self._below, self._fails_at, self.turns = below, fails_at, 0

    def __getattr__(self, name: str) -> Any:
        if name == "apply":
            raise AttributeError(name)
        return getattr(self._below, name)

    async def record_turn(self, session: int, done: Turn) -> None:
        self.turns += 1
        if self.turns == self._fails_at:
            raise StateUnavailable("away for a moment")
        await self._below.record_turn(session, done)


@pytest.mark.parametrize("fails_at", [1, 3, 5])
def test_behind_stores_each_turn_once_though_the_store_goes_away_in_the_middle(tmp_path: Path, fails_at: int) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite") as (aside, _):
            plain = sqlite_state(tmp_path / "s.sqlite")
            plain.open()
            store = OneByOne(plain, fails_at)
            made = CacheSettings(write="behind", linger_s=0.01)
            state = implementation("cache_write", "behind").build(store, aside.levels, aside.invalidation, made)
            state.open()
            for number in range(1, 6):
                await state.record_turn(9, turn(number))
            history = await state.history(9, 1 << 62, 100)
            assert [row.turn for row in history] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1] and store.turns == 6
            await state.close()

    asyncio.run(run())


def test_a_version_in_redis_outlives_every_value_loaded_before_it(server: EmbeddedServer, tmp_path: Path) -> None:
    async def run() -> float:
        options: dict[str, Any] = {"ttl_s": 600.0, "redis_url": server.url}
        async with cached_state(tmp_path / "s.sqlite", "l2", **options) as (state, _):
            session = time.monotonic_ns()
            await state.open_session(session, "Ada", "assistant")
            with redis.Redis.from_url(server.url) as client:
                return float(str(client.ttl(f"gwc:version:{session}")))

    assert asyncio.run(run()) > 600


def test_redis_closes_the_sessions_that_are_named(server: EmbeddedServer, tmp_path: Path) -> None:
    async def run() -> list[str]:
        store = implementation("store", "redis").build(StoreSettings(tmp_path, redis_url=server.url), lambda sql: sql)
        for session in (61, 62, 63):
            await store.open_session(session, "Ada", "assistant")
        await store.close_sessions([61, 63, 64])
        found = [(await store.session(session)).status for session in (61, 62, 63)]
        assert await store.session(64) is None
        await store.close()
        return found

    assert asyncio.run(run()) == ["closed", "open", "closed"]
