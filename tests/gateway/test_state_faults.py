"""A running gateway whose state server is away: it serves what it can, says what it cannot, and needs no restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from perflab.benches.state.lost import kill_while_writing
from perflab.system.servers.server import EmbeddedServer

from .processes import RunningGateway, World, gateway
from .state_servers import SETTINGS, frozen, state_server
from .variants import LIGHT, OPTIMISED, SPEECH, conversation
from .voice_client import VoiceClient, open_client

DURABILITY = {"redis": "appendfsync=always", "postgres": "synchronous_commit=on, fsync=on"}
POOL = 2


async def refused_start(running: RunningGateway) -> tuple[str, int]:
    """Start a session that cannot start; return what the client is told, and the close code."""
    async with open_client(running.voice_port, running.codec) as socket:
        client = VoiceClient(socket, running.codec)
        await client.control(op="start", session=5, template="assistant", user="Ada")
        told = await client.receive_control()
        return str(told), await client.closed()


@pytest.mark.slow
@pytest.mark.parametrize("store", DURABILITY)
def test_a_server_down_at_the_start_killed_in_a_conversation_and_back_each_time(
    store: str, outside: World, tmp_path: Path
) -> None:
    with state_server(store, tmp_path / "server.log") as server:
        server.kill()
        with (
            gateway(
                outside, f"faults-{store}", {**OPTIMISED, "store": store}, "--state-wait-s", "0.3", state_url=server.url
            ) as running,
            httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api,
        ):
            refused = api.post("/api/sessions", json={"user": "Ada"})
            assert refused.status_code == 503 and "cannot be reached" in refused.json()["error"]
            assert refused.headers["retry-after"] == "1"
            assert api.get("/healthz").json()["state"] == "away"
            assert "gateway_state_reachable 0.0" in api.get("/metrics").text
            told, code = asyncio.run(refused_start(running))
            assert "cannot be reached" in told and code == 1011

            server.restart()
            assert api.post("/api/sessions", json={"user": "Ada"}).status_code == 201
            assert api.get("/healthz").json()["state"] == "ok"
            assert DURABILITY[store] in api.get("/api/info").json()["durability"]

            async def broken_conversation() -> str:
                async with open_client(running.voice_port, running.codec) as socket:
                    client = VoiceClient(socket, running.codec)
                    await client.start(31)
                    assert (await client.ask(1, SPEECH[0])).audio  # acknowledged: its last frame came
                    server.kill()
                    with pytest.raises(AssertionError, match="turn 2 could not be stored") as told:
                        await client.ask(2, SPEECH[1])
                    return str(told.value)

            assert "control frame in a reply" in asyncio.run(broken_conversation())
            server.restart()
            assert len(conversation(running, 32)) == 3
            assert [row["turn"] for row in api.get("/api/sessions/31/history").json()] == [1, 1]
            assert api.get("/api/sessions/32").json()["turns"] == 3


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with state_server("postgres", tmp_path_factory.mktemp("postgres") / "server.log") as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(outside: World, postgres: EmbeddedServer) -> Iterator[RunningGateway]:
    """One gateway for all that PostgreSQL does to it: it is never started again."""
    options = ("--state-wait-s", "0.3", "--state-pool", str(POOL))
    with gateway(outside, "outages", {**LIGHT, "store": "postgres"}, *options, state_url=postgres.url) as running:
        yield running


@pytest.fixture
def api(on_postgres: RunningGateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=on_postgres.api, trust_env=False, timeout=20) as client:
        assert create(client).status_code == 201
        yield client


def create(api: httpx.Client) -> httpx.Response:
    return api.post("/api/sessions", json={"user": "Ada"})


def assert_away_then_back(api: httpx.Client, refused: httpx.Response, why: str) -> None:
    """Ask again until the session is made: what was wrong has ended, and the server may need a moment."""
    assert refused.status_code == 503 and why in refused.json()["error"] and refused.headers["retry-after"] == "1"
    deadline = time.monotonic() + 30
    while (answer := create(api)).status_code != 201:
        assert answer.status_code == 503 and time.monotonic() < deadline, answer.text
    assert api.get("/healthz").json()["state"] == "ok"


async def write_through_a_crash(api_url: str, server: EmbeddedServer) -> tuple[set[int], int]:
    """Create sessions from several clients while PostgreSQL is killed and started; return ids that were acknowledged,
    and how many requests were refused."""
    acknowledged: set[int] = set()
    refused = 0
    done = False

    async def write(client: httpx.AsyncClient) -> None:
        nonlocal refused
        while not done:
            answer = await client.post("/api/sessions", json={"user": "Ada"})
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 201:
                acknowledged.add(answer.json()["id"])
            refused += answer.status_code == 503

    async with (
        httpx.AsyncClient(base_url=api_url, trust_env=False, timeout=20) as client,
        asyncio.timeout(60), asyncio.TaskGroup() as writers,
    ):  # fmt: skip
        for _ in range(6):
            writers.create_task(write(client))
        while len(acknowledged) < 60:
            await asyncio.sleep(0.01)
        server.kill()
        while refused < 12:
            await asyncio.sleep(0.01)
        server.restart()
        before = len(acknowledged)
        while len(acknowledged) < before + 30:
            await asyncio.sleep(0.01)
        done = True
    return acknowledged, refused


async def stored(url: str) -> set[int]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("SELECT id FROM sessions")}
    finally:
        await connection.close()


def test_a_gateway_keeps_what_it_acknowledged_through_a_crash_of_postgres(
    on_postgres: RunningGateway, postgres: EmbeddedServer
) -> None:
    acknowledged, refused = asyncio.run(write_through_a_crash(on_postgres.api, postgres))
    assert len(acknowledged) >= 90 and refused >= 12
    assert acknowledged - asyncio.run(stored(postgres.url)) == set()


async def take_every_connection(url: str) -> list[asyncpg.Connection]:
    """Hold all connections that the server allows; who had one is cut off."""
    held: list[asyncpg.Connection] = []
    while len(held) < SETTINGS["postgres"]["max_connections"]:
        try:
            held.append(await asyncpg.connect(url))
        except asyncpg.TooManyConnectionsError:
            await held[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND pid <> ALL($1::int[])", [connection.get_server_pid() for connection in held]
            )  # fmt: skip
    return held


def test_a_gateway_says_503_while_postgres_refuses_connections(api: httpx.Client, postgres: EmbeddedServer) -> None:
    async def refuse() -> httpx.Response:
        held = await take_every_connection(postgres.url)
        try:
            return create(api)
        finally:
            await asyncio.gather(*(connection.close() for connection in held))

    assert_away_then_back(api, asyncio.run(refuse()), "too many clients")


def test_a_gateway_says_503_while_its_pool_is_exhausted(
    api: httpx.Client, on_postgres: RunningGateway, postgres: EmbeddedServer
) -> None:
    """Writes that wait for a locked table hold the pool; what reads another table has no connection left."""

    async def exhaust() -> tuple[list[httpx.Response], httpx.Response]:
        connection = await asyncpg.connect(postgres.url)
        try:
            async with httpx.AsyncClient(base_url=on_postgres.api, trust_env=False, timeout=20) as client:
                async with connection.transaction(), asyncio.timeout(20):
                    await connection.execute("LOCK TABLE sessions")
                    slow = [asyncio.create_task(client.post("/api/sessions", json={"user": "Bo"})) for _ in range(POOL)]
                    while await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < POOL:
                        await asyncio.sleep(0.01)
                    other = await client.get("/api/sessions/7/history")
                return list(await asyncio.gather(*slow)), other
        finally:
            await connection.close()

    slow, other = asyncio.run(exhaust())
    assert {answer.status_code for answer in slow} <= {201, 503}  # the lock ended before or after their time
    assert_away_then_back(api, other, "cannot be reached")
    assert api.get("/api/sessions/7/history").status_code == 200


def test_a_gateway_says_503_while_postgres_does_not_answer(api: httpx.Client, postgres: EmbeddedServer) -> None:
    with frozen(postgres):
        refused = create(api)
    assert_away_then_back(api, refused, "cannot be reached")


@pytest.mark.parametrize("store", ["wal_batched", "postgres", "redis"])
def test_a_killed_writer_process_loses_nothing_that_it_acknowledged(store: str, tmp_path: Path) -> None:
    loss = kill_while_writing(store, tmp_path / "killed")
    assert loss.acknowledged >= 400 and loss.missing == 0


def test_write_behind_loses_the_last_moment_and_nothing_before(tmp_path: Path) -> None:
    losses = [kill_while_writing("write_behind", tmp_path / f"killed-{number}") for number in range(3)]
    assert all(loss.acknowledged >= 400 and loss.tail_only for loss in losses)
    assert all(loss.missing < loss.acknowledged for loss in losses)
    assert any(loss.missing for loss in losses)  # a single kill may fall just behind a commit
