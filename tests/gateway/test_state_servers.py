"""PostgreSQL and Redis give the same answers as SQLite, and every fault of theirs is a bounded, honest refusal."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateRefused, StateUnavailable, StoreFull, StoreSettings
from perflab.gateway.flags.store import redis as redis_store
from perflab.gateway.session.turn import Turn
from perflab.gateway.state import sessions
from perflab.gateway.state.interface import State
from perflab.gateway.state.records import Artefact
from perflab.system.servers.server import EmbeddedServer

from .state_servers import SETTINGS, frozen, state_server

LAST = 1 << 62
WORDS = ("", "a test", "ünï\u2028code", "x" * 5000, 'quo"te\\', ":{}[]")


@pytest.fixture(scope="module", params=SETTINGS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with state_server(request.param, tmp_path_factory.mktemp("state") / "server.log") as started:
        yield started


def make(server: EmbeddedServer | None, path: Path, **changes: Any) -> State:
    if server is None:
        return implementation("store", "pooled").build(StoreSettings(path), lambda sql: sql)
    settings = StoreSettings(path, postgres_url=server.url, redis_url=server.url, **changes)
    return implementation("store", server.name).build(settings, lambda sql: sql)


def turn_of(number: int, session: int, draw: random.Random) -> Turn:
    turn = Turn(number, heard=[draw.choice(WORDS), "?"], said=[draw.choice(WORDS)], outcome="ok")
    turn.speech_bytes, turn.reply_bytes = draw.randrange(1 << 30), draw.randrange(1 << 40)
    for _ in range(draw.randrange(3)):
        turn.artefacts.append(Artefact(0, session, number, draw.choice(WORDS), "go", draw.choice(WORDS), "", 17))
    return turn


async def story(state: State, seed: int) -> list[Any]:
    """Do the same random things with a state and return everything it says."""
    draw, said, numbers = random.Random(seed), [], [3, 9, (1 << 53) - 1]
    state.open()
    for step in range(60):
        number = draw.choice(numbers)
        match draw.randrange(8):
            case 0:
                said.append(await state.open_session(number, draw.choice(WORDS), "tutor"))
            case 1:
                said.append(await state.close_session(number))
            case 2 | 3:
                said.append(await state.record_turn(number, turn_of(step, number, draw)))
            case 4:
                said.append(await state.add_artefact(Artefact(0, number, step, "p", "go", draw.choice(WORDS), "e", 1)))
            case 5:
                said.append([await state.session(n) for n in (*numbers, 77)])
            case 6:
                page = await state.history(number, LAST, 4)
                said += [page, await state.history(number, page[-1].id if page else 5, 3)]
            case _:
                found = await state.artefacts(number, 5)
                said += [found, [await state.artefact(a.id) for a in found], await state.artefact(10_000)]
    await state.close_sessions(numbers)
    said.append([await state.session(n) for n in numbers])
    await state.close()
    return said


def test_the_same_story_is_told_by_every_store(server, tmp_path, monkeypatch):
    told = []
    for state in (make(None, tmp_path / "state.sqlite"), make(server, tmp_path)):
        clock = itertools.count(1_700_000_000_000)
        for module in (sessions, redis_store):
            monkeypatch.setattr(module, "now_ms", clock.__next__)
        told.append(asyncio.run(story(state, seed=1)))
    assert told[0] == told[1]


def test_ids_are_unique_among_gateways_and_meet_no_voice_client(server, tmp_path):
    async def create() -> list[int]:
        states = [make(server, tmp_path, pool=3) for _ in range(3)]
        await states[0].open_session(1_000_004, "a voice client", "tutor")
        made = await asyncio.gather(*(s.create_session("Bo", "tutor") for s in states for _ in range(8)))
        for state in states:
            await state.close()
        return [row.id for row in made]

    ids = asyncio.run(create())
    assert len(set(ids)) == 24 and min(ids) >= 1_000_000 and 1_000_004 not in ids


def test_durability_is_told_as_the_server_tells_it(server, tmp_path):
    async def told() -> str:
        state = make(server, tmp_path)
        await state.session(1)
        await state.close()
        return state.durability

    expected = {"redis": "appendfsync=always: synced before it is acknowledged",
                "postgres": "synchronous_commit=on, fsync=on"}  # fmt: skip
    assert expected[server.name] in asyncio.run(told())


def test_no_acknowledged_write_is_lost_when_the_server_is_killed_and_writes_go_on_afterwards(server, tmp_path):
    async def write_through_a_crash() -> tuple[set[str], set[str], int]:
        state, acknowledged, refused = make(server, tmp_path, wait_s=0.1), set(), 0
        stop = asyncio.Event()

        async def writer(name: int) -> None:
            nonlocal refused
            for number in itertools.count():
                turn = Turn(number, heard=[f"{name}.{number}"], said=[], outcome="ok")
                try:
                    await state.record_turn(55, turn)
                    acknowledged.add(turn.heard[0])
                except StateUnavailable:
                    refused += 1
                if stop.is_set():
                    return

        writers = [asyncio.create_task(writer(name)) for name in range(6)]
        while len(acknowledged) < 60:
            await asyncio.sleep(0.01)
        server.kill()
        while refused < 12:
            await asyncio.sleep(0.01)
        assert not state.reachable
        server.restart()  # in this thread: a server dies with the thread that started it
        before = len(acknowledged)
        while len(acknowledged) < before + 30:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*writers)
        assert state.reachable
        kept, last = set(), LAST
        while page := await state.history(55, last, 500):
            kept |= {row.text for row in page if row.role == "user"}
            last = page[-1].id
        await state.close()
        return acknowledged, kept, refused

    acknowledged, kept, refused = asyncio.run(write_through_a_crash())
    assert acknowledged - kept == set()
    assert refused >= 12 and len(kept) <= len(acknowledged) + refused


def test_a_server_that_is_down_at_the_start_is_waited_for(server, tmp_path):
    async def start_without_it() -> None:
        state = make(server, tmp_path, wait_s=0.1)
        state.open()
        with pytest.raises(StateUnavailable, match="cannot be reached"):
            await state.session(1)
        assert not state.reachable
        patient = make(server, tmp_path, wait_s=20.0)
        waiting = asyncio.create_task(patient.open_session(1, "Ada", "tutor"))
        await asyncio.sleep(0.1)
        server.restart()
        await waiting  # what began while the server was away ends well
        found = await state.session(1)
        assert found is not None and found.user == "Ada" and state.reachable
        await state.close()
        await patient.close()

    server.kill()
    asyncio.run(start_without_it())


def test_a_server_that_does_not_answer_is_given_up_in_time_and_comes_back(server, tmp_path):
    async def ask_while_it_is_stopped() -> None:
        state = make(server, tmp_path, wait_s=0.3, command_s=0.3, pool=2)
        await state.open_session(8, "Ada", "tutor")
        with frozen(server):
            waiting = asyncio.gather(*(state.session(8) for _ in range(6)), return_exceptions=True)
            outcomes = await asyncio.wait_for(waiting, 60)  # a frozen server would hold them for ever
            assert all(isinstance(outcome, StateUnavailable) for outcome in outcomes), outcomes
        row = None
        for _ in range(100):
            try:
                row = await state.session(8)
                break
            except StateUnavailable:
                await asyncio.sleep(0.05)
        assert row is not None and row.user == "Ada"
        await state.close()

    asyncio.run(ask_while_it_is_stopped())


def test_waiting_accesses_are_bounded(server, tmp_path):
    async def flood() -> list[BaseException | None]:
        state = make(server, tmp_path, wait_s=0.2, pool=1, pending_writes=5)
        await state.session(1)
        outcomes = await asyncio.gather(*(state.session(1) for _ in range(40)), return_exceptions=True)
        await state.close()
        return [outcome for outcome in outcomes if isinstance(outcome, BaseException)]

    refused = asyncio.run(flood())
    assert 30 <= len(refused) <= 39 and all(isinstance(error, StoreFull) for error in refused)


@pytest.fixture
def postgres(server: EmbeddedServer) -> EmbeddedServer:
    if server.name != "postgres":
        pytest.skip("a fault of PostgreSQL")
    return server


def test_an_exhausted_pool_refuses_and_is_free_again(postgres, tmp_path):
    async def exhaust() -> None:
        state = make(postgres, tmp_path, pool=2, wait_s=0.2, command_s=10.0)
        await state.session(1)
        slow = [asyncio.create_task(state.store.read("SELECT pg_sleep(0.8)", ())) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(StateUnavailable):
            await state.session(1)
        await asyncio.gather(*slow)
        await state.open_session(4, "Bo", "tutor")
        assert (await state.session(4)).user == "Bo"
        await state.close()

    asyncio.run(exhaust())


def test_a_server_that_takes_no_more_connections_is_waited_for(postgres, tmp_path):
    async def crowd() -> None:
        others = []
        with pytest.raises(asyncpg.TooManyConnectionsError):
            while True:
                others.append(await asyncpg.connect(postgres.url))
        state = make(postgres, tmp_path, wait_s=0.2)
        with pytest.raises(StateUnavailable, match="too many clients"):
            await state.open_session(4, "Cy", "tutor")
        await asyncio.gather(*(other.close() for other in others))
        state = make(postgres, tmp_path, wait_s=5.0)
        await state.open_session(4, "Cy", "tutor")
        assert (await state.session(4)).user == "Cy"
        await state.close()

    asyncio.run(crowd())


def test_what_the_server_cannot_hold_or_does_not_understand_harms_nobody_else(server, tmp_path):
    async def write() -> None:
        state = make(server, tmp_path)
        await state.open_session(4, "with\0nul", "tutor")
        assert (await state.session(4)).user in ("with\0nul", "with\ufffdnul")
        if server.name == "redis":
            await state.link.read("SET", "gw:history:666", "not a sorted set")
            with pytest.raises(StateRefused, match="WRONGTYPE"):
                await state.history(666, LAST, 5)
        else:
            with pytest.raises(StateUnavailable, match="nowhere"):
                await state.store.write([("INSERT INTO nowhere VALUES (1)", ())])
        await state.open_session(5, "Ada", "tutor")
        assert (await state.session(5)).user == "Ada"
        await state.close()

    asyncio.run(write())
