"""The shared level beside writes that wait, reads that fail, and announcements that nobody can make."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from perflab.errors import UsageError
from perflab.gateway.flags.invalidation.event import CHANNEL, Announced
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.settings import CACHE_URL, POSTGRES_URL, REPLICA_URL, read_settings
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import EPOCH
from perflab.system.servers.server import EmbeddedServer, embedded

from .cached_states import cached_state, turn, within


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    with embedded("redis", tmp_path_factory.mktemp("redis") / "redis.log") as started:
        yield started


def test_behind_reads_its_own_write_though_another_worker_put_the_row_from_before(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    async def run() -> None:
        path, session = tmp_path / "s.sqlite", time.monotonic_ns()
        options: dict[str, Any] = {"ttl_s": 60, "redis_url": server.url}
        async with (
            cached_state(path, "l2", **options) as (other, _),
            cached_state(path, "l2", write="behind", linger_s=0.3, **options) as (state, _),
        ):
            await other.open_session(session, "Ada", "assistant")
            await state.record_turn(session, turn(1))
            assert state.counts.pending == 1
            await other.session(session)  # loads, and puts, the row without that turn
            row = await state.session(session)
            assert row is not None and row.turns == 1
            seen = await other.session(session)
            assert seen is not None and seen.turns == 1

    asyncio.run(run())


@pytest.mark.parametrize("missed", [False, True], ids=["a read failed", "a write went by unheard"])
def test_only_a_write_that_went_by_unheard_makes_all_values_old(
    server: EmbeddedServer, tmp_path: Path, missed: bool
) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite", "l2", ttl_s=60, redis_url=server.url) as (state, below):
            one, other = time.monotonic_ns(), time.monotonic_ns() + 1
            for session in (one, other):
                await state.open_session(session, "Ada", "assistant")
                await state.session(session)
            level, reads = state.levels.shared, below.reads
            assert level is not None
            with redis.Redis.from_url(server.url) as client:
                before = client.get(EPOCH)
                level._lost(StateUnavailable("the pool is busy"))
                if missed:
                    await state.record_turn(one, turn(1))

                async def usable() -> bool:
                    return level.usable

                assert await within(2, usable)
                await state.session(other)
                assert (client.get(EPOCH) != before) == missed and (below.reads > reads) == missed

    asyncio.run(run())


def test_a_write_is_not_announced_to_a_server_that_is_not_heard_and_made_up_for_later(server: EmbeddedServer) -> None:
    async def run() -> list[str]:
        announced = Announced(None, CacheSettings(redis_url=server.url), Counts())
        async with Redis.from_url(server.url) as client, client.pubsub() as heard:
            await heard.subscribe(CHANNEL)
            await announced.wrote(5)  # nothing is subscribed yet
            await client.publish(CHANNEL, "a mark")
            announced.open()
            told: list[str] = []

            async def said(count: int) -> bool:
                message = await heard.get_message(ignore_subscribe_messages=True, timeout=0.05)
                told.extend([message["data"].decode().rpartition(" ")[2]] if message else [])
                return len(told) == count

            assert await within(5, lambda: said(2))
            await announced.wrote(6)
            assert await within(5, lambda: said(3))
            await announced.close()
            return told

    assert asyncio.run(run()) == ["mark", "all", "6"]


@pytest.mark.parametrize("flags", [
    {"cache": "l1", "store": "write_behind"}, {"cache": "l2", "store": "postgres_split"},
    {"cache": "l1_l2", "store": "postgres_split"},
])  # fmt: skip
def test_a_cache_that_would_be_old_over_its_store_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    for name in (CACHE_URL, POSTGRES_URL, REPLICA_URL):
        monkeypatch.setenv(name, "redis://127.0.0.1:1")
    arguments = ["--voice-port", "1", "--api-port", "2", "--codegen-url", "http://127.0.0.1:3", "--database"]
    arguments += [str(tmp_path / "s.sqlite"), *(f"--flag={name}={value}" for name, value in flags.items())]
    with pytest.raises(UsageError) as refused:
        read_settings(arguments)
    assert "\n" not in str(refused.value) and f"store={flags['store']}" in str(refused.value)
