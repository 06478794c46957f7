"""The bench of session state: every store is filled with the same rows, the same work arrives, and a stall is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import redis

from perflab.benches.state import arriving, place, rows
from perflab.benches.state.client import drive, work
from perflab.benches.state.load import READ_HISTORY, READ_SESSION, WRITE_TURN, Load
from perflab.benches.state.nothing import Nothing
from perflab.benches.state.seen import Seen, look
from perflab.benches.state.settings import server_of
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.system.cores import Cores
from perflab.system.servers.server import embedded

SESSIONS = 40


@pytest.mark.parametrize("store", ["wal_batched", "postgres", "redis"])
def test_a_filled_store_answers_like_one_that_was_lived_in(store: str) -> None:
    async def look_around(at: place.Place) -> None:
        url = next(iter(at.environment.values()), "")
        settings = StoreSettings(at.path, postgres_url=url, redis_url=url)
        state = implementation("store", store).build(settings, lambda sql: sql)
        state.open()
        row = await state.session(SESSIONS)
        assert row is not None and (row.user, row.turns) == ("Ada", rows.TURNS)
        assert await state.session(SESSIONS + 1) is None
        whole = await state.history(7, 1 << 62, 1000)
        assert len(whole) == 2 * rows.TURNS
        assert [(h.turn, h.role) for h in whole[:3]] == [(25, "model"), (25, "user"), (24, "model")]
        found = await drive(state, [(0.001 * i, (READ_SESSION, READ_HISTORY, WRITE_TURN)[i % 3], 7) for i in range(30)])
        assert found[:, 4].all()
        newest = await state.history(7, 1 << 62, 20)
        assert {h.text for h in newest} == {"what is this", "a test of writing"}
        assert len({h.id for h in newest}) == 20 and newest[-1].id > whole[0].id
        await state.close()

    with place.filled(store, lambda line: None, server_of(store), SESSIONS) as at:
        asyncio.run(look_around(at))


def test_redis_is_filled_while_it_rewrites_its_own_file(tmp_path: Path) -> None:
    kept = embedded("redis", tmp_path / "redis.log", settings={"appendonly": True})
    with kept as server, redis.Redis.from_url(server.url) as client:
        client.mset({f"before:{i}": i for i in range(100)})
        client.config_set("rdb-key-save-delay", 5000)  # us for each key: half a second of rewriting
        client.bgrewriteaof()
        assert client.info("persistence")["aof_rewrite_in_progress"]
        rows.fill_redis(server.url, count=1)
        seen = client.info("persistence")
        assert not seen["aof_rewrite_in_progress"] and not seen["aof_rewrite_scheduled"]
        assert seen["aof_last_bgrewrite_status"] == "ok" and client.zcard("gw:history:1") == rows.PER_SESSION


def test_the_same_work_arrives_at_every_store() -> None:
    given = Load("redis", "", 1000.0, 5.0, SESSIONS)
    first, again = work(given), work(Load("postgres", "x", 1000.0, 5.0, SESSIONS, pool=3))
    assert first == again != work(Load("redis", "", 1000.0, 5.0, SESSIONS, seed=8))
    share = np.mean([kind == WRITE_TURN for _, kind, _ in first])
    assert len(first) == pytest.approx(5000, rel=0.1) and share == pytest.approx(0.2, abs=0.03)
    assert {session for _, _, session in first} <= set(range(1, SESSIONS + 1))


def planted(stalled: float, failed: int = 0, thin: bool = False) -> Seen:
    """20 s of 500 operations a second that take 1 ms, with a share of them held up for 80 ms.

    `thin`: in two of four seconds only half of them arrive.
    """
    due = np.arange(0, 20, 0.002)
    due = due[(due % 4 < 2) | (np.arange(len(due)) % 2 == 0)] if thin else due
    table = np.zeros((len(due), 5))
    table[:, 0] = np.where(np.arange(len(due)) % 5 == 0, WRITE_TURN, READ_SESSION)
    took = np.where(np.random.default_rng(1).random(len(due)) < stalled, 0.080, 0.001)
    took *= np.random.default_rng(2).uniform(0.95, 1.05, len(due))
    table[:, 1], table[:, 2], table[:, 3], table[:, 4] = due, due, due + took, 1
    table[5000 : 5000 + failed, 4] = 0
    told = {"cpu_s": np.array(4.0), "server_cpu_s": np.array(2.0), "durability": np.array("as stated")}
    return look({"rows": table, **told})


def test_a_stall_is_in_the_tail_and_a_refused_access_fails_the_rate() -> None:
    calm, stalled = planted(0.0), planted(0.02)
    assert calm.read_p99.value == pytest.approx(1.05, rel=0.02)
    assert calm.per_min.value == pytest.approx(30_000, rel=0.01)
    assert stalled.read_p99.value == pytest.approx(80, rel=0.07) and stalled.write_p99.value > 50
    floor = np.array([1.0, 2.0])
    bars = {bar.id: bar for bar in arriving._bars("Redis, everysec", stalled, 10_000, 50, 100, floor)}
    assert [bars[f"redis-everysec-10k-{name}"].holds for name in ("rate", "read", "write")] == [True, False, True]
    assert all("of the optimised variant, without HTTP: Redis, everysec" in bar.title for bar in bars.values())
    (rate, *_) = arriving._bars("Redis", planted(0.0, failed=3), 10_000, 50, 100, floor)
    assert rate.value == 0.0 and not rate.holds and rate.detail["failed"] == 3


def test_a_rate_that_may_be_below_what_was_asked_is_open() -> None:
    floor = np.array([1.0, 2.0])
    steady, *_ = arriving._bars("Redis", planted(0.0), 29_000, 50, 100, floor)
    assert steady.holds and not steady.open and steady.interval is not None
    uneven, *_ = arriving._bars("Redis", planted(0.0, thin=True), 20_000, 50, 100, floor)
    assert uneven.open and uneven.interval[0] < 20_000 < uneven.value


@pytest.mark.parametrize("store", ["postgres", "redis"])
def test_a_server_runs_on_the_core_of_its_client(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, ...]] = []

    @contextmanager
    def embedded(*_: object, cores: tuple[int, ...], **__: object) -> Iterator[SimpleNamespace]:
        given.append(cores)
        yield SimpleNamespace(url="", process=SimpleNamespace(pid=1))

    monkeypatch.setattr(place, "embedded", embedded)
    monkeypatch.setattr(place, "default_cores", lambda: Cores((3,), (5,)))
    monkeypatch.setattr(place, "arrive", lambda *_: {})
    monkeypatch.setattr(rows, f"fill_{store}", lambda url, count: None)
    with place.filled(store, lambda line: None, server_of(store)):
        assert given == [(3,)]


def test_the_client_by_itself_is_answered_at_once_and_meets_the_same_work() -> None:
    given = Load("none", "", 2000.0, 0.2, SESSIONS)
    found = asyncio.run(drive(Nothing(), work(given)))
    assert len(found) > 200 and found[:, 4].all() and (found[:, 3] >= found[:, 2]).all()
    assert [int(kind) for kind in found[:, 0]] == [kind for _, kind, _ in work(given)]


def test_the_cpu_of_a_store_is_told_beside_that_of_its_client() -> None:
    calm = planted(0.0)
    assert calm.server_percent == pytest.approx(10, rel=0.01) and calm.cpu_percent == pytest.approx(20, rel=0.01)
