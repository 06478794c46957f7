"""The shared level on a real Redis that is away, killed, silent, or holds what nobody should have put there."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perflab.errors import UsageError
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.gateway.settings import CACHE_URL, read_settings
from perflab.gateway.state.cached.entries import Key
from perflab.gateway.state.cached.packing import Unfit, pack, unpack
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import EPOCH
from perflab.gateway.state.records import HistoryRow, SessionRow
from perflab.system.servers.server import EmbeddedServer, embedded

from .cached_states import LAST, cached_state, turn, within
from .processes import World, gateway
from .slow_proxy import slow_proxy
from .test_cache_state import STEPS, TURNS, interleaved
from .variants import LIGHT, conversation

ROW = SessionRow(7, "Ada", "assistant", "open", 0, 1, 2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("redis")
    with embedded("redis", folder / "redis.log", settings={"maxmemory": "64mb"}) as started:
        yield started


def planted(server: EmbeddedServer, key: Key, value: Any) -> None:
    """Put bytes under a key as if they had been loaded under the version of now."""
    client = redis.Redis.from_url(server.url)
    version: Any = client.get(f"gwc:version:{key.owner}") or b"0"
    epoch: Any = client.get(EPOCH) or b"0"
    stamp = epoch + b":" + version + b"|"
    client.delete(key.text)
    if isinstance(value, list):
        client.rpush(key.text, *value)
    else:
        client.set(key.text, stamp + value)
    client.close()


@pytest.mark.parametrize("cache", ["l2", "l1_l2"])
@pytest.mark.parametrize("write", ["aside", "through", "behind"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, turns=TURNS)
def test_no_interleaving_reads_what_is_older_over_redis(
    server: EmbeddedServer, tmp_path: Path, cache: str, write: str, steps: list[tuple[str, int]], turns: list[int]
) -> None:
    async def run() -> None:
        async with cached_state(
            tmp_path / "s.sqlite", cache, turns=turns, write=write, linger_s=0.001, ttl_s=60, redis_url=server.url
        ) as (state, _):
            session = time.monotonic_ns()
            await state.open_session(session, "Ada", "assistant")
            seen = await interleaved(state, session, steps)
            assert all(owed <= saw for owed, saw in seen), seen

    asyncio.run(run())


def test_another_worker_reads_what_one_has_loaded_and_sees_its_writes_at_once(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    async def run() -> None:
        options: dict[str, Any] = {"ttl_s": 60, "redis_url": server.url}
        async with (
            cached_state(tmp_path / "s.sqlite", "l2", **options) as (one, _),
            cached_state(tmp_path / "s.sqlite", "l2", **options) as (other, below),
        ):
            await one.open_session(8, "Ada", "assistant")
            assert await one.session(8) == await other.session(8)
            assert below.reads == 0 and other.counts.hits["l2"] == 1
            await one.record_turn(8, turn(1))
            found = await other.session(8)
            assert found is not None and found.turns == 1

    asyncio.run(run())


def test_an_announced_write_reaches_the_other_workers_process(server: EmbeddedServer, tmp_path: Path) -> None:
    async def seen_after(invalidation: str) -> bool:
        options: dict[str, Any] = {"ttl_s": 60, "redis_url": server.url, "invalidation": invalidation}
        async with (
            cached_state(tmp_path / "s.sqlite", "l1_l2", **options) as (one, _),
            cached_state(tmp_path / "s.sqlite", "l1_l2", **options) as (other, _),
        ):
            await one.open_session(9, "Ada", "assistant")
            before = await one.session(9)
            assert before is not None

            async def listening() -> bool:
                return other.invalidation.local and one.invalidation.local

            assert await within(2, listening)
            await other.session(9)
            await one.record_turn(9, turn(before.turns + 1))

            async def seen() -> bool:
                row = await other.session(9)
                return row is not None and row.turns == before.turns + 1

            return await within(0.5, seen)

    assert asyncio.run(seen_after("event"))
    assert not asyncio.run(seen_after("versioned"))  # that worker's own level has the old one until its time is up


def test_without_its_subscription_the_level_in_process_is_left_alone(tmp_path: Path) -> None:
    async def run(server: EmbeddedServer) -> None:
        options: dict[str, Any] = {"ttl_s": 60, "redis_url": server.url, "invalidation": "event"}
        async with cached_state(tmp_path / "s.sqlite", "l1_l2", **options) as (state, below):

            async def local() -> bool:
                return state.invalidation.local

            async def deaf() -> bool:
                return not state.invalidation.local

            assert await within(2, local)
            await state.open_session(1, "Ada", "assistant")
            await state.session(1)
            pid = server.process.pid
            os.kill(pid, signal.SIGSTOP)  # connected, and silent
            try:
                assert await within(3, deaf)
                before = below.reads
                assert await state.session(1) is not None and below.reads == before + 1
            finally:
                os.kill(pid, signal.SIGCONT)
            assert await within(3, local)

    with embedded("redis", tmp_path / "redis.log") as server:
        asyncio.run(run(server))


@pytest.mark.parametrize("fault", ["killed", "stopped"])
def test_redis_killed_or_silent_costs_a_moment_and_nothing_acknowledged(tmp_path: Path, fault: str) -> None:
    async def run(server: EmbeddedServer) -> None:
        async with cached_state(tmp_path / "s.sqlite", "l2", ttl_s=60, redis_url=server.url) as (state, below):
            await state.open_session(1, "Ada", "assistant")
            await state.session(1)
            before = below.reads
            await state.session(1)
            assert below.reads == before and state.counts.hits["l2"] == 1
            pid = server.process.pid
            if fault == "killed":
                server.kill()
            else:
                os.kill(pid, signal.SIGSTOP)
            for number in range(1, 4):
                await state.record_turn(1, turn(number))
                row = await state.session(1)
                assert row is not None and row.turns == number  # its own write, from the store
            assert state.counts.faults["unreachable"] >= 1 and not state.levels.shared.usable  # type: ignore[union-attr]
            tried = state.counts.faults["unreachable"]
            for _ in range(50):
                await state.session(1)
            asked = state.counts.faults["unreachable"] - tried
            assert state.counts.misses >= 50 and asked < 25  # reads do not ask it any more, each to wait for it
            if fault == "killed":
                server.restart()
            else:
                os.kill(pid, signal.SIGCONT)

            async def back() -> bool:
                return state.levels.shared is not None and state.levels.shared.usable

            assert await within(5, back)
            row = await state.session(1)  # what Redis held from before was of an older epoch
            assert row is not None and row.turns == 3
            hits = state.counts.hits["l2"]
            await state.session(1)
            assert state.counts.hits["l2"] == hits + 1

    with embedded("redis", tmp_path / "redis.log") as server:
        asyncio.run(run(server))


BAD = {
    "of a wrong type": msgspec.msgpack.encode([1.0, {"id": "seven"}]),
    "truncated": pack(0.0, ROW)[:-5],
    "of another session": pack(0.0, SessionRow(8, "Bo", "assistant", "open", 0, 1, 2)),
    "no msgpack": b"\xc1garbage",
    "a pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_value_is_unfit_and_not_used(server: EmbeddedServer, tmp_path: Path, fault: str) -> None:
    with pytest.raises(Unfit):
        unpack(Key("session", 7), BAD[fault])
    assert_not_used(server, tmp_path, BAD[fault], "rejected")


def assert_not_used(server: EmbeddedServer, tmp_path: Path, value: Any, fault: str, **options: Any) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite", "l2", redis_url=server.url, **options) as (state, below):
            await state.open_session(7, "Ada", "assistant")
            planted(server, Key("session", 7), value)
            row = await state.session(7)
            assert row is not None and row.user == "Ada" and below.reads == 1
            assert state.counts.faults[fault] == 1
            assert await state.session(7) == row and below.reads == 1  # a good value has taken its place

    asyncio.run(run())


def test_a_key_of_another_redis_type_and_one_that_is_too_large_are_not_read(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    assert_not_used(server, tmp_path, ["a", "list"], "rejected")
    assert_not_used(server, tmp_path, b"x" * 70_000, "oversized", value_bytes=65_536)


def test_what_expires_between_the_look_and_the_use_is_a_miss(server: EmbeddedServer, tmp_path: Path) -> None:
    """Fresh when it is asked for, and too old when the slow answer has come: by the clock of the look it was a hit."""

    async def run() -> None:
        with slow_proxy(server.url) as proxy:
            options: dict[str, Any] = {"redis_url": proxy.url, "ttl_s": 1.0, "command_s": 20.0}
            async with cached_state(tmp_path / "s.sqlite", "l2", **options) as (state, below):
                await state.open_session(7, "Ada", "assistant")
                await state.session(7)
                proxy.delay_s = 1.5
                began = time.time()
                planted(server, Key("session", 7), pack(began, ROW))
                await state.session(7)
                assert time.time() - began > 1.0
                assert below.reads == 2 and state.counts.faults["expired"] == 1 and state.counts.hits["l2"] == 0

    asyncio.run(run())


def test_what_has_expired_and_redis_still_holds_is_a_miss(server: EmbeddedServer, tmp_path: Path) -> None:
    late = pack(time.time() - 2.0, SessionRow(7, "Old", "assistant", "open", 0, 1, 2))
    assert_not_used(server, tmp_path, late, "expired", ttl_s=1.0)
    ahead = pack(time.time() + 900.0, SessionRow(7, "Old", "assistant", "open", 0, 1, 2))  # a clock that goes wrong
    assert_not_used(server, tmp_path, ahead, "expired", ttl_s=1.0)


def test_a_value_that_is_too_large_is_not_put(server: EmbeddedServer, tmp_path: Path) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite", "l2", redis_url=server.url, value_bytes=4096) as (state, below):
            await state.open_session(7, "u" * 5000, "assistant")
            for reads in (1, 2):
                row = await state.session(7)
                assert row is not None and len(row.user) == 5000 and below.reads == reads
            assert state.counts.faults["oversized"] == 2

    asyncio.run(run())


@pytest.mark.parametrize("write", ["aside", "through", "behind"])
def test_a_store_without_sql_works_under_every_layer(server: EmbeddedServer, tmp_path: Path, write: str) -> None:
    async def run() -> None:
        store = implementation("store", "redis").build(StoreSettings(tmp_path, redis_url=server.url), lambda sql: sql)
        shared = implementation("single_flight", "on").build(implementation("loader", "batched").build(store))
        state = implementation("cache", "l1").build(shared, CacheSettings(write=write, linger_s=0.001, ttl_s=60))
        state.open()
        row = await state.create_session("Ada", "assistant")
        steps = [(kind, pause) for kind in "rwhwrhwr" for pause in (0, 3)]
        seen = await interleaved(state, row.id, steps)
        assert all(owed <= saw for owed, saw in seen) and seen[-1] == (6, 6), seen
        await state.close()

    asyncio.run(run())


@pytest.mark.parametrize("options", [
    ["--flag=cache=l2"], ["--flag=cache=l1", "--flag=invalidation=event"], ["--flag=cache=l1", "--cache-ttl-s", "0"],
    ["--flag=cache=l1", "--cache-ttl-s", "nan"], ["--cache-entries", "0"],
])  # fmt: skip
def test_a_cache_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.delenv(CACHE_URL, raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    ports = ["--voice-port", "1", "--api-port", "2", "--codegen-url", "http://127.0.0.1:3"]
    with pytest.raises(UsageError) as refused:
        read_settings([*ports, "--database", str(tmp_path / "s.sqlite"), *options])
    assert "\n" not in str(refused.value) and "cache" in str(refused.value)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), kind=st.sampled_from(["session", "history", "artefacts", "artefact"]))
def test_any_bytes_are_a_value_or_unfit(data: bytes, kind: str) -> None:
    try:
        unpack(Key(kind, 7), data)
    except Unfit as error:
        assert "\n" not in str(error)
    rows = [HistoryRow(1, 7, 1, "user", "schön \U0001f600", 5, "ok", 9)]
    assert unpack(Key("history", 7, LAST, 20), pack(1.5, rows)) == (1.5, rows)


@pytest.mark.slow
def test_a_gateway_with_redis_down_at_the_start_serves_and_finds_it_later(
    outside: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = LIGHT | {"cache": "l1_l2", "invalidation": "event", "single_flight": "on", "loader": "batched"}
    with embedded("redis", tmp_path / "redis.log") as server:
        server.kill()
        monkeypatch.setenv(CACHE_URL, server.url)
        with (
            gateway(outside, "cached", flags) as running,
            httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api,
        ):
            row = api.post("/api/sessions", json={"user": "Ada"}).json()
            assert [api.get(f"/api/sessions/{row['id']}").json() for _ in range(3)] == [row] * 3
            assert 'gateway_cache_hits_total{level="l2"} 0.0' in api.get("/metrics").text
            server.restart()
            deadline = time.monotonic() + 10
            while 'gateway_cache_hits_total{level="l1"} 0.0' in api.get("/metrics").text:
                assert time.monotonic() < deadline
                assert api.get(f"/api/sessions/{row['id']}").json() == row
                time.sleep(0.02)
            assert "gateway_cache_loads_total" in api.get("/metrics").text
            assert "gateway_state_gathered_queries_total" in api.get("/metrics").text
            answers, told = conversation(running), api.get("/api/sessions/41/history").json()
        with gateway(outside, "plain", {}) as running, httpx.Client(base_url=running.api, trust_env=False) as api:
            assert "gateway_cache" not in api.get("/metrics").text  # a gateway without the flag exposes nothing of it
            assert [a.audio for a in conversation(running)] == [a.audio for a in answers]
            plain = api.get("/api/sessions/41/history").json()
            assert [(row["turn"], row["text"]) for row in plain] == [(row["turn"], row["text"]) for row in told] != []
