"""A real Redis that answers late: in time it is waited for, too late it is left alone, and in time again it is used.

Upper limits of time are the delay itself: whoever took less has not waited for the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from perflab.experiments.strategies.caching.counters import parsed
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateUnavailable, StoreSettings
from perflab.gateway.settings import CACHE_URL
from perflab.gateway.state.interface import State
from perflab.system.servers.server import EmbeddedServer, embedded

from .cached_states import LAST, cached_state, turn, within
from .processes import World, gateway
from .slow_proxy import SlowProxy, slow_proxy
from .state_servers import SETTINGS
from .variants import LIGHT

IN_TIME_S, TOO_LATE_S = 0.04, 8.0
READS = 20
HITS = 'hits_total{level="l2"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with embedded("redis", tmp_path_factory.mktemp("redis") / "redis.log", settings=SETTINGS["redis"]) as started:
        yield started


@pytest.fixture
def proxy(server: EmbeddedServer) -> Iterator[SlowProxy]:
    with slow_proxy(server.url) as started:
        yield started


def test_a_cache_that_answers_in_time_is_waited_for(proxy: SlowProxy, tmp_path: Path) -> None:
    async def run() -> None:
        options = {"ttl_s": 60, "redis_url": proxy.url, "command_s": 1.0}
        async with cached_state(tmp_path / "s.sqlite", "l2", **options) as (state, below):
            proxy.delay_s = IN_TIME_S
            await state.open_session(1, "Ada", "assistant")
            for number in range(1, 4):
                await state.record_turn(1, turn(number))
                row = await state.session(1)
                assert row is not None and row.turns == number
            loaded, hits = below.reads, state.counts.hits["l2"]
            began = time.monotonic()
            for _ in range(READS):
                row = await state.session(1)
                assert row is not None and row.turns == 3
            assert time.monotonic() - began >= READS * IN_TIME_S  # each of them waited: the delay is in the way
            assert below.reads == loaded == 3 and state.counts.hits["l2"] == hits + READS
            assert state.counts.faults["unreachable"] == 0 and state.levels.shared.usable  # type: ignore[union-attr]

    asyncio.run(run())


def test_a_cache_that_answers_too_late_is_left_alone_until_it_is_in_time_again(
    proxy: SlowProxy, tmp_path: Path
) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite", "l2", ttl_s=60, redis_url=proxy.url) as (state, below):
            await state.open_session(2, "Ada", "assistant")
            await state.session(2)
            await state.session(2)
            assert state.counts.hits["l2"] == 1
            proxy.delay_s = TOO_LATE_S
            began, asked = time.monotonic(), proxy.answers
            assert await state.session(2) is not None  # a read: none of the writes to come is heard by Redis
            for number in range(1, 4):
                await state.record_turn(2, turn(number))
                row = await state.session(2)
                assert row is not None and row.turns == number  # its own write, from the store
            loaded = below.reads
            for _ in range(READS):
                await state.session(2)
            assert time.monotonic() - began < TOO_LATE_S
            assert below.reads == loaded + READS and state.counts.hits["l2"] == 1
            assert state.counts.faults["unreachable"] >= 1 and not state.levels.shared.usable  # type: ignore[union-attr]
            assert proxy.answers - asked < READS  # what looks for it asks now and then, reads do not
            proxy.delay_s = 0.0

            async def back() -> bool:
                return state.levels.shared is not None and state.levels.shared.usable

            assert await within(30, back)
            row = await state.session(2)  # what stood there from before is of an older epoch
            assert row is not None and row.turns == 3 and below.reads == loaded + READS + 1
            assert await state.session(2) == row and state.counts.hits["l2"] == 2

    asyncio.run(run())


def state_at(proxy: SlowProxy, path: Path, command_s: float) -> State:
    settings = StoreSettings(path, redis_url=proxy.url, pool=4, wait_s=command_s, command_s=command_s)
    return implementation("store", "redis").build(settings, lambda sql: sql)


def test_a_store_that_answers_in_time_is_waited_for(proxy: SlowProxy, tmp_path: Path) -> None:
    async def run() -> None:
        state = state_at(proxy, tmp_path, command_s=1.0)
        proxy.delay_s = IN_TIME_S
        await state.open_session(3, "Ada", "tutor")
        began = time.monotonic()
        for number in range(1, 4):
            await state.record_turn(3, turn(number))
            page = await state.history(3, LAST, 2)
            assert [row.text for row in page] == [f"answer {number}", f"question {number}"]
        assert time.monotonic() - began >= 6 * IN_TIME_S and state.reachable
        await state.close()

    asyncio.run(run())


def test_a_store_that_answers_too_late_is_given_up_in_time_and_loses_nothing(proxy: SlowProxy, tmp_path: Path) -> None:
    async def run() -> None:
        state = state_at(proxy, tmp_path, command_s=0.3)
        await state.open_session(4, "Ada", "tutor")
        await state.record_turn(4, turn(1))
        proxy.delay_s = TOO_LATE_S
        began = time.monotonic()
        writes = (state.record_turn(4, turn(number)) for number in (2, 3, 4))
        outcomes = await asyncio.gather(*writes, *(state.session(4) for _ in range(3)), return_exceptions=True)
        assert time.monotonic() - began < TOO_LATE_S and not state.reachable
        assert all(isinstance(outcome, StateUnavailable) for outcome in outcomes), outcomes
        proxy.delay_s = 0.0

        async def answers() -> bool:
            try:
                return await state.session(4) is not None
            except StateUnavailable:
                return False

        assert await within(10, answers) and state.reachable
        await state.record_turn(4, turn(5))
        told = [row.text for row in await state.history(4, LAST, 20) if row.role == "user"]
        # what was acknowledged is there; what was refused stands once or not at all
        assert {"question 1", "question 5"} <= set(told) and len(told) == len(set(told))
        await state.close()

    asyncio.run(run())


@pytest.mark.slow
def test_a_gateway_is_right_before_a_slow_cache_and_uses_it_again(
    proxy: SlowProxy, outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_URL, proxy.url)
    with (
        gateway(outside, "slow-cache", LIGHT | {"cache": "l2"}, "--cache-ttl-s", "60") as running,
        httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api,
    ):
        row = api.post("/api/sessions", json={"user": "Ada"}).json()

        def counted(name: str) -> float:
            return parsed(api.get("/metrics").text)[f"gateway_cache_{name}"]

        def read() -> float:
            began = time.monotonic()
            assert all(api.get(f"/api/sessions/{row['id']}").json() == row for _ in range(READS))
            return time.monotonic() - began

        def read_from_the_cache() -> None:
            deadline, hits = time.monotonic() + 40, counted(HITS)
            while counted(HITS) < hits + READS:  # a busy machine may be late by itself, and the level off for a moment
                assert time.monotonic() < deadline
                read()

        read_from_the_cache()
        proxy.delay_s = IN_TIME_S
        read_from_the_cache()
        proxy.delay_s = TOO_LATE_S
        assert read() < TOO_LATE_S and counted('faults_total{kind="unreachable"}') >= 1
        hits, misses = counted(HITS), counted("misses_total")
        assert read() < TOO_LATE_S
        assert counted(HITS) == hits and counted("misses_total") == misses + READS
        proxy.delay_s = 0.0
        read_from_the_cache()
