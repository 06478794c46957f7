"""Reads by a replica: never older than what the session wrote here, and the primary answers whenever it must."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from perflab.errors import UsageError
from perflab.gateway.flags.store import StateUnavailable, StoreSettings
from perflab.gateway.flags.store import _freshness as freshness
from perflab.gateway.flags.store.postgres_split import SplitState, build
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.records import Artefact
from perflab.system.servers.server import EmbeddedServer

from .processes import ROOT
from .state_servers import replica_of, state_server

LAST = 1 << 62


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    folder = tmp_path_factory.mktemp("split")
    with (
        state_server("postgres", folder / "primary.log") as primary,
        replica_of(primary, folder / "replica.log") as replica,
    ):
        yield primary, replica


@asynccontextmanager
async def split(primary: str, replica: str, **changes: Any) -> AsyncIterator[SplitState]:
    state = build(StoreSettings(Path("unused"), postgres_url=primary, replica_url=replica, **changes), lambda sql: sql)
    state.open()
    try:
        yield state
    finally:
        await state.close()


@asynccontextmanager
async def replay_held(replica: EmbeddedServer) -> AsyncIterator[None]:
    """Stop the replica from replaying while it goes on answering: lag without end."""
    connection = await asyncpg.connect(replica.url)
    await connection.execute("SELECT pg_wal_replay_pause()")
    while await connection.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_wal_replay_resume()")
        await connection.close()


async def caught_up(state: SplitState, *sessions: int) -> None:
    async with asyncio.timeout(20):
        while not all(state._fresh.may_read(session) for session in sessions):
            await asyncio.sleep(0.005)


def test_own_writes_are_read_however_far_the_replica_is_behind_and_others_go_to_it(pair) -> None:
    primary, replica = pair

    async def write_and_read() -> None:
        async with split(primary.url, replica.url) as state:
            await state.open_session(1, "before", "tutor")
            await state.open_session(2, "quiet", "tutor")
            await caught_up(state, 1, 2)
            async with replay_held(replica):
                for number in range(20):
                    await state.open_session(1, f"name {number}", "tutor")
                    await state.record_turn(1, Turn(number, heard=[f"turn {number}"], said=[], outcome="ok"))
                    assert (await state.session(1)).user == f"name {number}"
                    assert (await state.history(1, LAST, 2))[1].text == f"turn {number}"
                    key = await state.add_artefact(Artefact(0, 1, number, "p", "go", f"code {number}", "", 1))
                    assert (await state.artefact(key)).code == f"code {number}"
                    assert (await state.artefacts(1, 1))[0].id == key
                made = await state.create_session("Bo", "tutor")
                assert (await state.session(made.id)).user == "Bo"
                assert state.reads["replica"] == 0
                assert (await state.session(2)).user == "quiet"
                assert state.reads["replica"] == 1
                await state.close_sessions([1, 2])
                assert (await state.session(2)).status == "closed"
            await caught_up(state, 1, 2, made.id)
            before = state.reads["replica"]
            assert (await state.session(1)).user == "name 19" and (await state.session(2)).status == "closed"
            assert state.reads["replica"] == before + 2

    asyncio.run(write_and_read())


def test_a_naive_split_would_have_read_an_old_row(pair, monkeypatch) -> None:
    """The planted defect: without the place in the log the same reads are wrong."""
    primary, replica = pair
    monkeypatch.setattr(freshness.Freshness, "may_read", lambda self, session: True)

    async def write_and_read() -> None:
        async with split(primary.url, replica.url) as state:
            await state.open_session(3, "old", "tutor")
            async with asyncio.timeout(20):
                while (await state._replica.session(3) or await state.session(1)).user != "old":
                    await asyncio.sleep(0.005)
            async with replay_held(replica):
                await state.open_session(3, "new", "tutor")
                assert (await state.session(3)).user == "old"

    asyncio.run(write_and_read())


def test_with_the_replica_down_the_primary_reads_and_the_replica_is_used_again_when_it_is_back(pair) -> None:
    primary, replica = pair

    async def read_without_it() -> None:
        async with split(primary.url, replica.url) as state:
            await state.open_session(4, "Ada", "tutor")
            await caught_up(state, 4)
            assert (await state.session(4)).user == "Ada" and state.reads["replica"] == 1
            replica.kill()
            assert all([(await state.session(4)).user == "Ada" for _ in range(20)])
            assert state.reads["replica"] == 1 and state.reachable
            await state.open_session(4, "Cy", "tutor")  # writes do not need it
            assert (await state.session(4)).user == "Cy"
            replica.restart()
            async with asyncio.timeout(20):
                while state.reads["replica"] == 1:
                    assert (await state.session(4)).user == "Cy"
                    await asyncio.sleep(0.05)

    asyncio.run(read_without_it())


def test_a_replica_that_hangs_costs_one_time_limit_not_one_for_each_read(pair) -> None:
    primary, replica = pair

    async def read_beside_it() -> None:
        async with split(primary.url, replica.url) as state:
            await state.open_session(6, "Ada", "tutor")
            await caught_up(state, 6)
            await state.session(6)
            pids = [replica.process.pid, *(c.pid for c in psutil.Process(replica.process.pid).children())]
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                first = await state.session(6)
                assert state._replica_store._rests_until > 0
                answers = [await state.session(6) for _ in range(10)]
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            assert {row.user for row in (first, *answers)} == {"Ada"}
            assert state.reads == {"primary": 11, "replica": 1}

    asyncio.run(read_beside_it())


def test_with_the_primary_away_the_replica_reads_and_writes_are_refused(pair) -> None:
    primary, replica = pair

    async def read_without_it() -> None:
        async with split(primary.url, replica.url, wait_s=0.1) as state:
            await state.open_session(7, "Ada", "tutor")
            await caught_up(state, 7)
            primary.kill()
            try:
                assert (await state.session(7)).user == "Ada"
                with pytest.raises(StateUnavailable, match="PostgreSQL server cannot be reached"):
                    await state.open_session(8, "Bo", "tutor")
                with pytest.raises(StateUnavailable):  # may have been written: not answered from an older place
                    await state.session(8)
            finally:
                primary.restart()
            await state.open_session(8, "Bo", "tutor")
            assert (await state.session(8)).user == "Bo"

    asyncio.run(read_without_it())


def test_an_exhausted_pool_of_the_replica_sends_reads_to_the_primary(pair) -> None:
    primary, replica = pair

    async def exhaust() -> None:
        async with split(primary.url, replica.url, pool=1) as state:
            await state.open_session(9, "Ada", "tutor")
            await caught_up(state, 9)
            await state.session(9)
            slow = asyncio.create_task(state._replica_store.read("SELECT pg_sleep(0.2)", ()))
            await asyncio.sleep(0.02)
            assert (await state.session(9)).user == "Ada"
            assert state.reads["primary"] == 1
            await slow

    asyncio.run(exhaust())


def test_a_url_that_names_no_replica_is_never_read(pair) -> None:
    primary, _ = pair

    async def read() -> None:
        async with split(primary.url, primary.url) as state:
            await state.session(1)
            await state.open_session(10, "Ada", "tutor")
            assert [(await state.session(10)).user for _ in range(5)] == ["Ada"] * 5
            assert state.reads["replica"] == 0

    asyncio.run(read())


def test_what_is_remembered_is_bounded_and_then_everyone_reads_the_primary(pair) -> None:
    primary, replica = pair

    async def flood() -> None:
        async with split(primary.url, replica.url, pending_writes=5) as state, replay_held(replica):
            for number in range(20, 40):
                await state.open_session(number, "Ada", "tutor")
            assert len(state._fresh._placed) + len(state._fresh._unplaced) <= 6
            assert not state._fresh.may_read(999)

    asyncio.run(flood())


def test_a_gateway_without_a_replicas_url_is_refused_in_one_line(monkeypatch, tmp_path) -> None:
    from perflab.gateway.settings import read_settings

    monkeypatch.setenv("GATEWAY_POSTGRES_URL", "postgresql://127.0.0.1:5432/x")
    monkeypatch.setenv("GEMINI_API_KEY", "x")
    monkeypatch.delenv("GATEWAY_POSTGRES_REPLICA_URL", raising=False)
    asked = ["--voice-port", "1", "--api-port", "2", "--codegen-url", "http://127.0.0.1:3", "--database",
             str(tmp_path / "x.sqlite"), "--templates", str(ROOT), "--flag", "store=postgres_split"]  # fmt: skip
    with pytest.raises(UsageError, match="GATEWAY_POSTGRES_REPLICA_URL must hold the URL") as refused:
        read_settings(asked)
    assert "\n" not in str(refused.value)
