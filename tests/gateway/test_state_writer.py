"""The SQLite stores with a bad write or a locked file: nothing acknowledged is dropped, nobody waits for ever."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateUnavailable, StoreFull, StoreSettings, _database, _writer
from perflab.gateway.state.records import Artefact
from perflab.gateway.state.sessions import SessionState

from .test_stores import STORES, rows_on_disk

TOO_LARGE = 1 << 63
WITH_WRITER = ["wal_batched", "write_behind"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_database, "BUSY_S", 0.02)
    monkeypatch.setattr(_writer, "RETRY_S", 0.02)


@asynccontextmanager
async def opened(value: str, path: Path, limit: int = 1000) -> AsyncIterator[SessionState]:
    state: SessionState = implementation("store", value).build(StoreSettings(path, "off", limit), lambda sql: sql)
    state.open()
    try:
        yield state
    finally:
        await state.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's write lock from another connection."""
    with sqlite3.connect(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.rollback()
    other.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("value", WITH_WRITER)
@pytest.mark.parametrize(("session", "prompt"), [(TOO_LARGE, ""), (1, "\ud800")],
                         ids=["an int beyond 63 bits", "a lone surrogate"])  # fmt: skip
def test_a_write_that_sqlite_cannot_take_does_not_end_the_writer(
    value: str, session: int, prompt: str, tmp_path: Path
) -> None:
    async def run() -> None:
        async with opened(value, tmp_path / "s.sqlite") as state, asyncio.timeout(5):
            with pytest.raises((OverflowError, UnicodeEncodeError)):
                await state.add_artefact(Artefact(0, session, 0, prompt, "", "", "", 1))
            await state.open_session(5, "Ada", "assistant")
            good = Artefact(0, 1, 0, "", "", "", "", 1)
            assert await state.add_artefact(good) == 1 and state.reachable

    asyncio.run(run())
    assert rows_on_disk(tmp_path / "s.sqlite", "sessions") == 1


@pytest.mark.parametrize("value", WITH_WRITER)
def test_a_store_whose_writer_has_ended_is_not_reachable(value: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(value, tmp_path / "s.sqlite") as state:
            assert state.reachable
        assert not state.reachable

    asyncio.run(run())


@pytest.mark.parametrize("value", [value for value in STORES if value != "write_behind"])
def test_a_locked_file_is_unavailable_and_not_an_error_of_the_gateway(value: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with opened(value, tmp_path / "s.sqlite") as state, asyncio.timeout(5):
            with locked(tmp_path / "s.sqlite"):
                with pytest.raises(StateUnavailable, match="cannot be used: database is locked"):
                    await state.open_session(5, "Ada", "assistant")
                with pytest.raises(StateUnavailable, match="cannot be used: database is locked"):
                    await state.create_session("Bo", "assistant")
            await state.open_session(6, "Cy", "assistant")
            assert state.reachable

    asyncio.run(run())
    assert rows_on_disk(tmp_path / "s.sqlite", "sessions") == 1


def test_acknowledged_writes_outlast_a_locked_file_and_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        async with opened("write_behind", path, limit=4) as state, asyncio.timeout(5):
            with locked(path):
                for number in range(4):
                    await state.open_session(number, "Ada", "assistant")
                await until(lambda: not state.reachable)
                with pytest.raises(StoreFull):
                    await state.open_session(4, "Ada", "assistant")
            await until(lambda: rows_on_disk(path, "sessions") == 4)
            await until(lambda: state.reachable)
            await state.open_session(5, "Ada", "assistant")

    asyncio.run(run())
    assert rows_on_disk(path, "sessions") == 5


def test_who_waits_for_an_answer_gets_one_though_acknowledged_writes_wait_before_it(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        async with opened("write_behind", path) as state, asyncio.timeout(5):
            with locked(path):
                await state.open_session(5, "Ada", "assistant")
                with pytest.raises(StateUnavailable):
                    await state.create_session("Bo", "assistant")

    asyncio.run(run())
    assert rows_on_disk(path, "sessions") == 1


def test_what_the_file_does_not_take_before_the_close_is_told_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_writer, "CLOSE_S", 2.0)
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        async with opened("write_behind", path) as state:
            other = sqlite3.connect(path)
            other.execute("BEGIN EXCLUSIVE")
            await state.open_session(5, "Ada", "assistant")
        other.rollback()
        other.close()

    asyncio.run(run())
    assert sum("already acknowledged is lost" in line for line in caplog.messages) == 1
