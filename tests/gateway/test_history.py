"""The history flag: heads hold everything but the words, and a window drops what lies before it and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.gateway.flags import implementation
from perflab.gateway.flags.history import pruned
from perflab.gateway.flags.store import StoreSettings
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.sessions import SessionState
from perflab.system.servers.server import EmbeddedServer

from .processes import World, gateway
from .state_servers import state_server
from .variants import LIGHT, conversation

LAST = 1 << 62


@pytest.fixture(scope="module", params=["pooled", "postgres", "redis"])
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder, store = tmp_path_factory.mktemp("history"), request.param

    def made(server: EmbeddedServer | None) -> Any:
        url = server.url if server else ""
        given = StoreSettings(folder / "state.sqlite", "off", postgres_url=url, redis_url=url)
        return implementation("store", store).build(given, lambda sql: sql)

    if store == "pooled":
        yield lambda: made(None)
    else:
        with state_server(store, folder / "server.log") as server:
            yield lambda: made(server)


async def talk(state: SessionState, session: int, turns: int) -> None:
    for number in range(1, turns + 1):
        turn = Turn(number, heard=[f"question {number}"], said=[f"answer {number}"], outcome="ok")
        await state.record_turn(session, turn)


def test_heads_are_the_rows_without_their_words_page_by_page(build) -> None:
    async def read() -> None:
        state = build()
        state.open()
        await talk(state, 1, 5)
        lazy = implementation("history", "lazy").build(state, state)
        before = LAST
        for _ in range(4):
            heads, rows = await lazy.page(1, before, 3), await state.history(1, before, 3)
            assert [asdict(head) for head in heads] == [
                {name: value for name, value in asdict(row).items() if name != "text"} for row in rows
            ]
            before = rows[-1].id if rows else 1
        await state.close()

    asyncio.run(read())


def test_the_window_keeps_the_newest_rows_of_its_session_and_all_of_others(build, monkeypatch) -> None:
    monkeypatch.setattr(pruned, "WINDOW_TURNS", 3)

    async def grow() -> None:
        state = build()
        state.open()
        await talk(state, 21, 8)
        await talk(state, 22, 8)
        history = implementation("history", "pruned").build(state, state)
        before = await state.history(21, LAST, 100)
        assert history.grown(21, 7) is None  # not yet: every few turns
        for _ in range(2):  # done twice it does no more
            await history.grown(21, 10)
            assert await state.history(21, LAST, 100) == before[:6]
        assert len(await state.history(22, LAST, 100)) == 16
        await history.summed_up(22)
        assert [row.text for row in await state.history(22, LAST, 100)][::2] == ["answer 8", "answer 7", "answer 6"]
        await history.summed_up(404)  # a session without history
        await state.close()

    asyncio.run(grow())


@settings(max_examples=40, deadline=None)
@given(written=st.lists(st.integers(0, 3), max_size=25), keep=st.integers(1, 12))
def test_dropping_equals_a_slice_of_the_plain_list(written: list[int], keep: int) -> None:
    async def check() -> None:
        state = implementation("store", "pooled").build(StoreSettings(Path(":memory:"), "off"), lambda sql: sql)
        import sqlite3

        from perflab.gateway.state.schema import SCHEMA

        state.store._connection = sqlite3.connect(":memory:")
        state.store._connection.executescript(SCHEMA)
        for number, session in enumerate(written):
            await state.record_turn(session, Turn(number, heard=["x"], said=["y"], outcome="ok"))
        whole = {session: await state.history(session, LAST, 1000) for session in range(4)}
        await state.drop_history(2, keep)
        for session in range(4):
            expected = whole[session][:keep] if session == 2 else whole[session]
            assert await state.history(session, LAST, 1000) == expected
        await state.close()

    asyncio.run(check())


@pytest.mark.slow
@pytest.mark.parametrize("value", ["full", "lazy"])
def test_the_api_shows_heads_or_rows_and_each_row_by_itself(outside: World, value: str) -> None:
    with (
        gateway(outside, f"history-{value}", LIGHT | {"history": value}) as running,
        httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api,
    ):
        conversation(running, 7)
        page = api.get("/api/sessions/7/history").json()
        assert len(page) == 6 and ("text" in page[0]) == (value == "full")
        whole = [api.get(f"/api/sessions/7/history/{row['id']}").json() for row in page]
        assert all(row["text"] for row in whole)
        assert [{**row, "text": other["text"]} for row, other in zip(page, whole, strict=True)] == whole
        other = api.get(f"/api/sessions/8/history/{page[0]['id']}")
        assert other.status_code == 404 and "no row" in other.json()["error"]
        assert [api.get(f"/api/sessions/7/history/{row}").status_code for row in (0, -1, 1 << 70)] == [404] * 3
        assert "3 turns" in api.post("/api/sessions/7/summary").json()["code"]  # from the whole history in both
