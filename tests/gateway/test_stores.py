"""Every store keeps what it acknowledged, as far as it promises to, and one bad write harms no other."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perflab.errors import UsageError
from perflab.gateway.flags import FLAGS, implementation
from perflab.gateway.flags.store import StoreFull, StoreSettings
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.records import Artefact
from perflab.gateway.state.sessions import FIRST_API_ID, SessionState

ON_SERVERS = ("postgres", "postgres_split", "redis")
STORES = [value for value in FLAGS["store"] if value not in ON_SERVERS]
DURABLE = [value for value in STORES if value != "write_behind"]
LAST = 1 << 62


def make(value: str, path: Path, limit: int = 1000) -> SessionState:
    state: SessionState = implementation("store", value).build(StoreSettings(path, "full", limit), lambda sql: sql)
    return state


@pytest.fixture(params=STORES)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionState]:
    made = make(request.param, tmp_path / "state.sqlite")
    made.open()
    yield made
    asyncio.run(made.close())


def rows_on_disk(path: Path, table: str) -> int:
    with sqlite3.connect(path) as other:
        return int(other.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def wait_for_rows(path: Path, table: str, count: int) -> None:
    deadline = time.monotonic() + 5
    while rows_on_disk(path, table) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert rows_on_disk(path, table) == count


def finished_turn(number: int) -> Turn:
    turn = Turn(number, heard=["what is", " this"], said=["a test"], speech_bytes=6400, reply_bytes=4800, outcome="ok")
    turn.artefacts.append(Artefact(0, 5, number, "sort", "go", "package main", "sorts", 1))
    return turn


def test_a_session_and_its_turns_are_read_back(state: SessionState, tmp_path: Path) -> None:

    async def write() -> None:
        await state.open_session(5, "Ada", "assistant")
        await state.record_turn(5, finished_turn(1))
        await state.record_turn(5, finished_turn(2))

    asyncio.run(write())
    wait_for_rows(tmp_path / "state.sqlite", "history", 4)

    async def read() -> None:
        row = await state.session(5)
        assert row is not None
        assert (row.user, row.turns, row.status) == ("Ada", 2, "open")
        history = await state.history(5, LAST, 3)
        assert [(h.turn, h.role, h.text) for h in history] == [
            (2, "model", "a test"), (2, "user", "what is this"), (1, "model", "a test")
        ]  # fmt: skip
        older = await state.history(5, history[-1].id, 3)
        assert [(h.turn, h.role) for h in older] == [(1, "user")]
        assert [a.code for a in await state.artefacts(5, 10)] == ["package main"] * 2
        assert await state.session(6) is None

    asyncio.run(read())


def test_ids_that_are_handed_out_are_on_disk(state: SessionState, tmp_path: Path) -> None:

    async def create() -> list[int]:
        return [(await state.create_session("Bo", "tutor")).id for _ in range(3)]

    assert asyncio.run(create()) == [FIRST_API_ID, FIRST_API_ID + 1, FIRST_API_ID + 2]
    assert rows_on_disk(tmp_path / "state.sqlite", "sessions") == 3


@pytest.mark.parametrize("value", DURABLE)
def test_an_acknowledged_write_is_on_disk(value: str, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = make(value, path)
    state.open()

    async def write_and_look() -> list[int]:
        seen = []
        for number in range(5):
            await state.open_session(number, "Ada", "assistant")
            seen.append(rows_on_disk(path, "sessions"))
        return seen

    assert asyncio.run(write_and_look()) == [1, 2, 3, 4, 5]
    asyncio.run(state.close())


@pytest.mark.parametrize("value", ["wal_batched", "write_behind"])
def test_one_bad_write_does_not_undo_its_neighbours(value: str, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = make(value, path)
    state.open()

    async def write() -> list[object]:
        good = [state.open_session(number, "Ada", "assistant") for number in range(20)]
        bad = state.store.write([("INSERT INTO nowhere VALUES (1)", ())])
        return list(await asyncio.gather(*good[:10], bad, *good[10:], return_exceptions=True))

    outcomes = asyncio.run(write())
    asyncio.run(state.close())
    assert rows_on_disk(path, "sessions") == 20
    assert [o for o in outcomes if o is not None and not isinstance(o, sqlite3.Error)] == []
    assert sum(isinstance(o, sqlite3.Error) for o in outcomes) == (1 if value == "wal_batched" else 0)


def test_write_behind_keeps_what_waits_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    state = make("write_behind", path)
    state.open()

    async def write() -> None:
        for number in range(50):
            await state.open_session(number, "Ada", "assistant")

    asyncio.run(write())
    asyncio.run(state.close())
    assert rows_on_disk(path, "sessions") == 50


def test_waiting_writes_are_bounded(tmp_path: Path) -> None:
    state = make("write_behind", tmp_path / "state.sqlite", limit=10)
    state.open()

    async def flood() -> None:
        for number in range(1000):
            await state.open_session(number, "Ada", "assistant")

    with pytest.raises(StoreFull):
        asyncio.run(flood())
    asyncio.run(state.close())


@pytest.mark.parametrize("value", STORES)
def test_every_store_states_its_durability(value: str, tmp_path: Path) -> None:
    said = make(value, tmp_path / "x.sqlite").durability
    assert "synchronous=full" in said
    assert ("acknowledged before it is committed" in said) == (value == "write_behind")


@pytest.mark.parametrize("value", STORES)
def test_a_file_that_is_no_database_is_refused_in_one_line(value: str, tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_text("this is not a database, only a text of some length\n" * 100)
    with pytest.raises(UsageError) as refused:
        make(value, path).open()
    assert "\n" not in str(refused.value)
