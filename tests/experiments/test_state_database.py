"""The measurements of state in a database: a wrong answer is seen, and every sentence says what its figures say."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import numpy as np
import pytest

from perflab.experiments.state_database import place, plans, pools, staleness
from perflab.experiments.state_database.place import Place
from perflab.report.figures.pool_sweep import pool_sweep
from perflab.stats.interval import Interval
from perflab.stats.latency import section_minimum_n
from perflab.system.servers.server import start_server


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    servers = {kind: start_server(kind, kind, folder / f"{kind}.log") for kind in ("postgres", "redis")}
    made = Place(4000, tempfile.TemporaryDirectory(dir=folder), servers["postgres"], servers["redis"])
    place._fill_sqlite(made)
    place.aside(place._fill_postgres(made))
    yield made
    made.close()


def test_the_index_is_used_and_changes_no_answer(small: Place) -> None:
    assert [check.passed for check in place.same_answers(small)] == [True, True]
    for gain in plans.index_gains(small, pairs=12, seed=3):
        assert "by_session" in gain.plans["indexed"] and "by_session" not in gain.plans["plain"]
        assert gain.ratio.n == 12
        assert [row["table"] for row in gain.rows()] == ["plain", "indexed"]


def test_the_plans_of_postgres_tell_what_they_read_and_cost(small: Place) -> None:
    sqlite, postgres = (gain.rows() for gain in plans.index_gains(small, pairs=12, seed=3))
    assert {(row["rows read"], row["planner's cost"]) for row in sqlite} == {(None, None)}  # it tells neither
    plain, indexed = postgres
    assert indexed["rows read"] == 6 < plain["rows read"] <= small.rows  # a page of 6, found at once or sought
    assert 0 < indexed["planner's cost"] < plain["planner's cost"]


def test_what_a_filter_threw_away_was_read_in_every_loop() -> None:
    scan = {"Actual Rows": 5, "Actual Loops": 2, "Rows Removed by Filter": 95}
    assert plans.rows_read({"Actual Rows": 6, "Actual Loops": 1, "Plans": [scan]}) == 200
    assert plans.rows_read({"Actual Rows": 6, "Actual Loops": 1}) == 6


def gain(low: float, value: float, high: float) -> plans.IndexGain:
    return plans.IndexGain("SQLite", {}, {}, Interval(value, low, high, 0.95, 40, "order statistics"))


def test_an_index_is_called_faster_or_slower_by_its_interval(small: Place) -> None:
    assert "SQLite 1,234 times as fast" in plans.index_sentence(small, (gain(1000, 1234, 1500),))
    assert "SQLite slower, 0.31 times as fast" in plans.index_sentence(small, (gain(0.3, 0.31, 0.33),))
    assert "neither faster nor slower for certain" in plans.index_sentence(small, (gain(0.9, 1.1, 1.2),))


def test_a_row_that_is_wrong_in_one_engine_is_seen(small: Place) -> None:
    async def change(text: str) -> None:
        connection = await asyncpg.connect(small.postgres.url)
        await connection.execute("UPDATE indexed SET text = $1 WHERE id >= 3900", text)
        await connection.close()

    asyncio.run(change("something else"))
    sqlite_check, postgres_check = place.same_answers(small, asked=80)
    assert sqlite_check.passed and not postgres_check.passed


def test_invalidation_shows_every_write_and_saves_questions(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staleness, "EVERY_S", 0.05)
    never, invalidated = (
        place.aside(staleness._measured(small, mode, 6)) for mode in (staleness.MODES[0], staleness.MODES[2])
    )
    assert never.asked == never.reads
    assert invalidated.asked < invalidated.reads / 2
    assert len(invalidated.windows_ms) == 6 and (invalidated.windows_ms >= 0).all()


def seen(size: int, p95: float) -> pools.PoolSeen:
    return pools.PoolSeen(size, p95 / 2, Interval(p95, 0.9 * p95, 1.1 * p95, 0.95, 160, "sectioning, 5 parts"), 2 * p95)


def test_the_pool_that_is_slower_than_none_is_named() -> None:
    swept = tuple(seen(size, p95) for size, p95 in ((0, 90), (1, 1100), (2, 60), (4, 36), (8, 35), (16, 34)))
    said = pools.pool_sentence(swept)
    assert "a pool of 1 is slower than no pool: p95 1100 against 90 ms" in said
    assert "4 connections bring it to 36 ms" in said
    assert "and more gain less than a tenth" in said
    assert "a pool of 1 is faster than no pool" in pools.pool_sentence((seen(0, 90), seen(1, 50), *swept[2:]))
    assert "a pool of 1 cannot be told from no pool" in pools.pool_sentence((seen(0, 90), seen(1, 95), *swept[2:]))
    assert "and no larger one was tried" in pools.pool_sentence((*swept[:5], seen(16, 20)))
    assert "pool none: p95 90 ms" in pool_sweep([one.row() for one in swept], "Sweep").alt


def test_the_shortest_sweep_holds_enough_queries_for_its_tail_whatever_the_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met: list[int] = []

    async def one(url: str, size: int, due: list[float]) -> None:
        met.append(len(due))

    monkeypatch.setattr(pools, "_one", one)
    somewhere: Any = SimpleNamespace(postgres=SimpleNamespace(url=""))
    for seed in range(200):
        pools.sweep(somewhere, 0.5, seed)
    assert len(met) == 200 * len(pools.SIZES) and min(met) >= section_minimum_n(0.95, pools.SECTIONS)


def test_arrivals_are_the_same_for_every_size() -> None:
    due = pools._due(4.0, 7)
    assert due == pools._due(4.0, 7) and due != pools._due(4.0, 8)
    assert np.all(np.diff(due) > 0) and 0.6 < len(due) / (4.0 * pools.PER_S) < 1.4
    smallest = min(size for size in pools.SIZES if size)
    assert 0.8 < pools.PER_S * pools.HELD_S / smallest < 0.95  # above 1 its waits would grow for as long as one looks
