"""What a state server says of itself is waited for; what it says of a write is refused, and harms no other write."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from redis.exceptions import ResponseError

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateRefused, StateUnavailable, StoreSettings
from perflab.gateway.flags.store._postgres import PostgresStore
from perflab.gateway.flags.store._redis_link import RedisLink
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.system.servers.server import EmbeddedServer, embedded

from .cached_states import cached_state, sqlite_state, turn, within
from .state_servers import state_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with embedded("redis", tmp_path_factory.mktemp("redis") / "redis.log") as started:
        yield started


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with state_server("postgres", tmp_path_factory.mktemp("postgres") / "postgres.log") as started:
        yield started


async def raised_by_postgres(server: EmbeddedServer, *statements: str) -> BaseException:
    """Return what the store raises when the server refuses one of the statements of a transaction."""
    store = PostgresStore(StoreSettings(Path(), postgres_url=server.url, command_s=20.0))
    try:
        await store.write([(sql, ()) for sql in statements])
    except Exception as error:  # whatever it is: the test says what it must be
        return error
    finally:
        await store.close()
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize(("statements", "cause"), [
    # The server itself raises it, by its code: a disk cannot be filled up here.
    (("SELECT 1", "DO $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END$$"),
     asyncpg.DiskFullError),
    (("SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(10)"), asyncpg.QueryCanceledError),
    (("SET LOCAL transaction_read_only = on", "DELETE FROM sessions"), asyncpg.ReadOnlySQLTransactionError),
], ids=["full", "cancelled", "read-only"])  # fmt: skip
def test_a_postgres_that_cannot_just_now_is_unavailable(
    postgres: EmbeddedServer, statements: tuple[str, ...], cause: type[Exception]
) -> None:
    error = asyncio.run(raised_by_postgres(postgres, *statements))
    assert isinstance(error, StateUnavailable) and type(error.__cause__) is cause


def test_a_write_that_postgres_undoes_to_end_a_deadlock_is_unavailable(postgres: EmbeddedServer) -> None:
    async def run() -> BaseException:
        other = await asyncpg.connect(postgres.url, server_settings={"deadlock_timeout": "60s"})  # never the one undone
        held = other.transaction()
        await held.start()
        await other.execute("SELECT pg_advisory_xact_lock(2)")
        first, second = ("SELECT pg_advisory_xact_lock(1)", "SELECT pg_advisory_xact_lock(2)")
        told = asyncio.create_task(raised_by_postgres(postgres, first, second))

        async def waits() -> bool:
            return bool(await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        assert await within(5, waits)
        crossed = asyncio.create_task(other.execute("SELECT pg_advisory_xact_lock(1)"))
        error = await told
        await crossed  # which goes on, as the store's write was undone
        await held.rollback()
        await other.close()
        return error

    error = asyncio.run(run())
    assert isinstance(error, StateUnavailable) and type(error.__cause__) is asyncpg.DeadlockDetectedError


def test_a_statement_that_postgres_refuses_is_no_outage(postgres: EmbeddedServer) -> None:
    error = asyncio.run(raised_by_postgres(postgres, "SELECT 9223372036854775807 + 1"))
    assert isinstance(error, asyncpg.NumericValueOutOfRangeError)


def raised_by_redis(server: EmbeddedServer, *command: Any, script: str = "") -> BaseException:
    """Return what the link raises when the server refuses a command, or a script on a key."""

    async def run() -> BaseException:
        link = RedisLink(StoreSettings(Path(), redis_url=server.url))
        try:
            await (link.run(script, command) if script else link.read(*command))
        except Exception as error:  # whatever it is: the test says what it must be
            return error
        finally:
            await link.close()
        raise AssertionError("nothing was refused")

    return asyncio.run(run())


@contextmanager
def configured(client: Any, **settings: Any) -> Iterator[None]:
    """Change settings of a server that runs, and change them back."""
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    before = {name: client.config_get(name)[name] for name in named}
    try:
        for name, value in named.items():
            client.config_set(name, value)
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


@contextmanager
def full(client: Any) -> Iterator[None]:
    with configured(client, maxmemory=1):
        yield


@contextmanager
def following(client: Any) -> Iterator[None]:
    """Make the server a replica of nobody who answers."""
    client.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        client.replicaof("NO", "ONE")


@contextmanager
def unsaved(client: Any) -> Iterator[None]:
    """Make the server save where nobody can write, and refuse writes for it."""
    with configured(client, dir="/proc", save="3600 1"):
        client.bgsave()
        status = {"rdb_last_bgsave_status": "ok"}
        for _ in range(500):
            if (status := client.info("persistence"))["rdb_last_bgsave_status"] == "err":
                break
            time.sleep(0.01)
        assert status["rdb_last_bgsave_status"] == "err"
        yield
    client.save()


@contextmanager
def busy(client: Any) -> Iterator[None]:
    """Keep the server in a script that does not end."""
    with configured(client, lua_time_limit=1), ThreadPoolExecutor(1) as pool:
        endless = pool.submit(client.eval, "while true do end", 0)
        for _ in range(500):
            try:
                client.ping()
                time.sleep(0.01)
            except ResponseError:
                break
        try:
            yield
        finally:
            client.script_kill()
            assert isinstance(endless.exception(), ResponseError)


SET_IN_SCRIPT = "return redis.call('SET', KEYS[1], 'x')"


@pytest.mark.parametrize(("state", "command", "script", "code"), [
    (full, ("SET", "x", "1"), "", "OOM|command not allowed"), (full, ("x",), SET_IN_SCRIPT, "OOM"),
    (following, ("SET", "x", "1"), "", "read only replica"), (unsaved, ("SET", "x", "1"), "", "MISCONF"),
    (busy, ("GET", "x"), "", "BUSY|busy"),
], ids=["full", "full in a script", "a replica", "cannot save", "in a script"])  # fmt: skip
def test_a_redis_that_cannot_just_now_is_unavailable(
    server: EmbeddedServer, state: Any, command: tuple[str, ...], script: str, code: str
) -> None:
    with redis.Redis.from_url(server.url, decode_responses=True) as client, state(client):
        error = raised_by_redis(server, *command, script=script)
    assert isinstance(error, StateUnavailable) and re.search(code, str(error)), error


def test_a_command_that_redis_refuses_is_no_outage(server: EmbeddedServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.delete("a list")
        client.rpush("a list", 1)
    error = raised_by_redis(server, "GET", "a list")
    assert isinstance(error, StateRefused) and "WRONGTYPE" in str(error)


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
