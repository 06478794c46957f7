"""Clients that wait for news of a session: nothing lost, nothing twice, nobody holds more than a bounded place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.gateway.flags.events import _cursor, _hub, sse
from perflab.gateway.flags.events._cursor import Cursor, TooFarBehind, events_after
from perflab.gateway.flags.events._hub import Hub, HubFull, first_news, follow
from perflab.gateway.flags.store import StoreSettings, pooled, write_behind
from perflab.gateway.metrics import Metrics
from perflab.gateway.session.turn import Turn
from perflab.gateway.state.records import Artefact
from perflab.gateway.state.sessions import SessionState

from .processes import RunningGateway, World, gateway
from .variants import LIGHT

MADE = Artefact(0, 7, 1, "prompt", "go", "x := 1", "", 5)


@asynccontextmanager
async def state_in(folder: Path, store: Any = pooled) -> AsyncIterator[SessionState]:
    state: SessionState = store.build(StoreSettings(folder / "state.sqlite"), lambda sql: sql)
    state.open()
    try:
        yield state
    finally:
        await state.close()


async def a_turn(state: SessionState, number: int, artefacts: int = 0) -> None:
    await state.record_turn(7, Turn(number, heard=["?"], said=["!"], outcome="ok", artefacts=[MADE] * artefacts))


def counted() -> Hub:
    hub = Hub()
    hub.count_in(Metrics((1.0,)))
    return hub


@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_from_any_cursor_each_row_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, turns: list[int], history: int, artefact: int
) -> None:
    async def scenario() -> None:
        async with state_in(tmp_path_factory.mktemp("events")) as state:
            for number, made in enumerate(turns, 1):
                await a_turn(state, number, made)
            told = await events_after(state, 7, Cursor(history, artefact))
            assert [e.row.id for e in told if e.kind == "history"] == list(range(history + 1, 2 * len(turns) + 1))
            assert [e.row.id for e in told if e.kind == "artefact"] == list(range(artefact + 1, sum(turns) + 1))
            for place, event in enumerate(told):  # a client that comes back from anywhere gets exactly the rest
                assert await events_after(state, 7, event.cursor) == told[place + 1 :]

    asyncio.run(scenario())


def test_who_is_too_far_behind_is_told_instead_of_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cursor, "MOST_BEHIND", 20)
    monkeypatch.setattr(_cursor, "PAGE", 8)

    async def scenario() -> None:
        async with state_in(tmp_path) as state:
            for number in range(1, 12):
                await a_turn(state, number, 1)
            assert len(await events_after(state, 7, Cursor(2, 0))) == 20 + 11
            with pytest.raises(TooFarBehind, match="over 20 events behind"):
                await events_after(state, 7, Cursor(1, 0))

    asyncio.run(scenario())


@pytest.mark.parametrize("text", ["", "1", "1-", "-1-2", "1-2-3", "a-b", "1-" + "9" * 30, "１-2"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 12-5"):
        Cursor.parse(text)


def test_a_store_that_acknowledges_before_it_commits_loses_no_event(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with state_in(tmp_path, write_behind) as state:
            hub = counted()
            waiting = asyncio.create_task(first_news(hub, state, 7, Cursor(), 5.0))
            await asyncio.sleep(0.01)
            await a_turn(state, 1)
            hub.announce(7)
            assert [e.row.text for e in await waiting] == ["?", "!"]
            assert hub.watchers == 0

    asyncio.run(scenario())


def test_a_wakeup_that_was_missed_is_made_up_for_by_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hub, "HEARTBEAT_S", 0.05)

    async def scenario() -> None:
        async with state_in(tmp_path) as state:
            batches = follow(counted(), state, 7, Cursor())
            assert await anext(batches) == []
            await a_turn(state, 1)  # nobody announces it
            seen = await anext(batches)
            assert [e.kind for e in seen] == ["history", "history"]
            assert await anext(batches) == []
            await batches.aclose()

    asyncio.run(scenario())


class Late:
    """A state that shows what is new from its n-th look on, as a cache before it would."""

    def __init__(self, state: SessionState, looks: int) -> None:
        self._state, self._looks, self.looked = state, looks, asyncio.Event()

    async def history(self, session: int, before: int, limit: int) -> list[Any]:
        self._looks -= 1
        self.looked.set()
        return await self._state.history(session, before, limit) if self._looks < 0 else []

    async def artefacts(self, session: int, limit: int) -> list[Any]:
        return []


@pytest.mark.parametrize("value", ["stream", "long poll", "long poll without a wake-up"])
def test_a_wakeup_that_shows_nothing_is_looked_at_again_long_before_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(_hub, "LOOKS", 1)
    monkeypatch.setattr(_hub, "AGAIN_S", 0.01)

    async def scenario() -> None:
        async with state_in(tmp_path) as state, asyncio.timeout(3):
            hub, woken = counted(), value != "long poll without a wake-up"
            late: Any = Late(state, 2 if woken else 1)
            await a_turn(state, 1)
            if value == "stream":
                batches = follow(hub, late, 7, Cursor())
                assert await anext(batches) == []
                seen = asyncio.create_task(anext(batches))
            else:
                batches = None
                seen = asyncio.create_task(first_news(hub, late, 7, Cursor(), 2.0 if woken else 0.02))
                await late.looked.wait()
            await asyncio.sleep(0)
            if woken:
                hub.announce(7)
            assert [e.row.text for e in await seen] == ["?", "!"]
            if batches is not None:
                await batches.aclose()

    asyncio.run(scenario())


def test_places_are_bounded_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hub, "MOST_WATCHERS", 2)
    hub = counted()
    with hub.watch(1), hub.watch(1), pytest.raises(HubFull, match="2 clients"), hub.watch(2):
        pass
    assert (hub.watchers, dict(hub._watching)) == (0, {})


@pytest.mark.parametrize("leaves", [False, True])
def test_a_client_that_reads_nothing_or_leaves_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    """The server's `send` waits while the socket takes nothing: one event is held, the others stay in the state."""
    monkeypatch.setattr(_hub, "SLOW_S", 0.1)

    async def scenario() -> None:
        async with state_in(tmp_path) as state:
            for number in range(1, 40):
                await a_turn(state, number)
            hub, sent = counted(), []

            async def send(message: Any) -> None:
                sent.append(message)
                if len(sent) > 2:
                    await asyncio.Event().wait()

            async def receive() -> dict[str, str]:
                await (asyncio.sleep(0.01) if leaves else asyncio.Event().wait())
                return {"type": "http.disconnect"}

            stream = sse.EventStream(hub, 7, follow(hub, state, 7, Cursor()))
            async with asyncio.timeout(5):
                await stream({}, receive, send)
            assert len(sent) == 3 and hub.watchers == 0
            assert hub._dropped.labels("slow")._value.get() == (0 if leaves else 1)

    asyncio.run(scenario())


# --- on the real gateway, one for each way


@pytest.fixture(scope="module", params=["long_poll", "sse", "websocket"])
def running(request: pytest.FixtureRequest, outside: World) -> Iterator[RunningGateway]:
    server = "picows" if request.param != "sse" else "fastapi"
    flags = LIGHT | {"events": request.param, "store": "pooled", "server": server}
    with gateway(outside, f"events-{request.param}", flags) as started:
        yield replace(started, codec=request.param)


async def listen(
    client: aiohttp.ClientSession, running: RunningGateway, session: int, after: str
) -> AsyncIterator[Any]:
    """Yield events in the way that the gateway offers, going on from a cursor; the first is None: it listens."""
    url = f"{running.api}/api/sessions/{session}/events"
    if running.codec == "websocket":
        async with client.ws_connect(f"{url}?after={after}") as socket:
            async for message in socket:
                body = json.loads(message.data)
                yield None if body["event"] == "heartbeat" else body
    elif running.codec == "sse":
        async with client.get(url, headers={"Last-Event-ID": after}) as answer:
            assert answer.status == 200
            while block := (await answer.content.readuntil(b"\n\n")).decode():
                fields = dict(line.split(": ", 1) for line in block.strip().splitlines() if not line.startswith(":"))
                if "id" in fields:
                    yield {"id": fields["id"], "event": fields["event"], "data": json.loads(fields["data"])}
                elif "retry" not in fields:
                    yield None
    else:
        yield None
        while True:
            async with client.get(url, params={"after": after, "wait_s": 5}) as answer:
                body = await answer.json()
            after = body["cursor"]
            for event in body["events"]:
                yield event


async def keep(client: aiohttp.ClientSession, running: RunningGateway, session: int, times: int) -> None:
    for _ in range(times):
        async with client.post(f"{running.api}/api/sessions/{session}/summary") as answer:
            assert answer.status == 201


async def new_session(client: aiohttp.ClientSession, running: RunningGateway) -> int:
    async with client.post(f"{running.api}/api/sessions", json={"user": "Ada"}) as answer:
        return int((await answer.json())["id"])


@pytest.mark.slow
def test_who_comes_back_gets_exactly_what_was_missed(running: RunningGateway) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            session = await new_session(client, running)
            seen: list[dict[str, Any]] = []
            for wanted in (3, 7):  # the connection is cut in the middle, while more is stored
                stream = listen(client, running, session, seen[-1]["id"] if seen else "0-0")
                storing: asyncio.Task[None] | None = None
                async for event in stream:
                    storing = storing or asyncio.create_task(keep(client, running, session, 5 if not seen else 2))
                    if event is not None:
                        seen.append(event)
                    if len(seen) == wanted:
                        break
                await stream.aclose()  # type: ignore[attr-defined]
                assert storing is not None
                await storing
            async with client.get(f"{running.api}/api/sessions/{session}/code") as answer:
                stored = (await answer.json())[::-1]
            assert [event["data"] for event in seen] == stored and len(stored) == 7
            assert {event["event"] for event in seen} == {"artefact"}

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_client_that_vanishes_leaves_its_place(running: RunningGateway) -> None:
    async def watchers(client: aiohttp.ClientSession) -> float:
        async with client.get(f"{running.api}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("gateway_event_watchers ")))

    async def scenario() -> None:
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            session = await new_session(client, running)
            async with aiohttp.ClientSession() as other:
                stream = listen(other, running, session, "0-0")
                await anext(stream)
                going = asyncio.create_task(anext(stream))
                while await watchers(client) < 1:
                    await asyncio.sleep(0.02)
                going.cancel()
                await asyncio.gather(going, return_exceptions=True)
            while await watchers(client) > (1 if running.codec == "long_poll" else 0):
                await asyncio.sleep(0.02)  # a poll that nobody waits for ends when its own time is up
            assert await watchers(client) <= 1

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_wrong_cursor_is_refused_with_a_reason(running: RunningGateway) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            url = f"{running.api}/api/sessions/1/events?after=everything"
            if running.codec == "websocket":
                async with client.ws_connect(url) as socket:
                    closed = await socket.receive()
                    assert (closed.data, "such as 12-5" in closed.extra) == (1008, True)
            else:
                async with client.get(url) as answer:
                    assert answer.status == 422 and "such as 12-5" in (await answer.json())["error"]

    asyncio.run(scenario())


@pytest.mark.slow
def test_an_id_that_no_store_can_hold_is_refused(running: RunningGateway) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as client, asyncio.timeout(20):
            url = f"{running.api}/api/sessions/{1 << 63}/events"
            if running.codec == "websocket":
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(url)
                assert refused.value.status == 403
            else:
                async with client.get(url) as answer:
                    assert answer.status == 422

    asyncio.run(scenario())
