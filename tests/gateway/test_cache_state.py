"""A cached state answers as its store does: never older than what was acknowledged, whatever interleaves."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.template import UnknownTemplate
from perflab.gateway.state.cached.cached_state import CachedState
from perflab.gateway.state.cached.entries import Entry, Key
from perflab.gateway.state.cached.memory import MemoryLevel
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.changes import Change, Opened
from perflab.gateway.state.records import Artefact, SessionRow

from .cached_states import LAST, Yielding, cached_state, sqlite_state, turn

STEPS = st.lists(st.tuples(st.sampled_from("rhw"), st.integers(0, 6)), min_size=2, max_size=12)
TURNS = st.lists(st.integers(0, 4), min_size=1, max_size=5)
WRITES = ("aside", "through", "ahead", "behind")


async def interleaved(state: CachedState, session: int, steps: list[tuple[str, int]]) -> list[tuple[int, int]]:
    """Start a read or a write at each step; return what each read was owed (acknowledged turns) and what it saw."""
    acknowledged, seen, tasks = [0], [], []

    async def write(number: int) -> None:
        await state.record_turn(session, turn(number))
        acknowledged[0] += 1

    async def read(kind: str) -> None:
        owed = acknowledged[0]
        if kind == "r":
            row = await state.session(session)
            seen.append((owed, row.turns if row else 0))
        else:
            seen.append((owed, len(await state.history(session, LAST, 100)) // 2))

    for number, (kind, pause) in enumerate(steps, start=1):
        tasks.append(asyncio.create_task(write(number) if kind == "w" else read(kind)))
        for _ in range(pause):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    await read("r")
    await read("h")
    return seen


@pytest.mark.parametrize("write", WRITES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, turns=TURNS, flight=st.sampled_from(["off", "on"]), loader=st.sampled_from(["off", "batched"]))
def test_no_interleaving_reads_what_is_older_than_an_acknowledged_write(
    tmp_path: Path, write: str, steps: list[tuple[str, int]], turns: list[int], flight: str, loader: str
) -> None:
    async def run() -> None:
        async with cached_state(
            tmp_path / "state.sqlite", turns=turns, flight=flight, loader=loader, write=write, linger_s=0.001, ttl_s=60
        ) as (state, _):
            session = time.monotonic_ns()
            await state.open_session(session, "Ada", "assistant")
            seen = await interleaved(state, session, steps)
            assert all(owed <= saw for owed, saw in seen), seen
            assert seen[-1][1] == sum(kind == "w" for kind, _ in steps)

    asyncio.run(run())


def test_a_late_version_would_be_found_by_that_property(tmp_path: Path) -> None:
    """The planted defect: versions taken after the load, not before it."""

    class Late(CachedState):
        async def load(self, key: Key, version: int, stamp: bytes | None) -> object:
            value = await self.from_store(key)
            await self.put(key, value, time.time(), self.version(key), stamp)
            return value

    async def run() -> bool:
        async with cached_state(tmp_path / "state.sqlite", turns=[1, 6], ttl_s=60) as (state, below):
            late = Late(below, state.levels, state.invalidation, state.settings)
            for session in range(1, 40):
                below.turns = [session % 3, session % 7, (session * 5) % 4]
                await late.open_session(session, "Ada", "assistant")
                seen = await interleaved(late, session, [("r", session % 5), ("w", session % 4), ("r", 3), ("h", 2)])
                if any(owed > saw for owed, saw in seen):
                    return True
        return False

    assert asyncio.run(run())


def test_expiry_alone_is_old_for_its_time_and_no_longer(tmp_path: Path) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite", invalidation="ttl", ttl_s=0.15) as (state, _):
            await state.open_session(1, "Ada", "assistant")
            written = [(0.0, 0)]
            stale = 0
            for number in range(1, 5):
                await state.record_turn(1, turn(number))
                written.append((time.time(), number))
                for _ in range(12):
                    began = time.time()
                    row = await state.session(1)
                    assert row is not None
                    owed = max(n for at, n in written if at <= began - 0.15)
                    assert owed <= row.turns <= number
                    stale += row.turns < number
                    await asyncio.sleep(0.02)
            assert stale > 0  # it is a declared loss: this is what it looks like

    asyncio.run(run())


def test_reads_are_answered_by_the_level_and_counted(tmp_path: Path) -> None:
    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite") as (state, below):
            row = await state.create_session("Ada", "assistant")
            key = await state.add_artefact(Artefact(0, row.id, 0, "sort", "go", "package main", "sorts", 1))
            for _ in range(5):
                assert await state.session(row.id) == row
                assert [a.id for a in await state.artefacts(row.id, 10)] == [key]
                assert (await state.artefact(key)) == (await state.artefacts(row.id, 10))[0]
                assert await state.session(77) is None  # what is not there is looked for each time
            assert below.reads == 1 + 5
            c = state.counts
            assert (c.loads, c.misses, c.hits["l1"]) == (3 + 5, 3 + 5, 4 + 4 + 4 + 5)
            assert 0 <= c.oldest_s <= c.age_s

    asyncio.run(run())


def test_through_leaves_nothing_to_load_after_a_write(tmp_path: Path) -> None:
    async def loads_after_write(write: str) -> int:
        async with cached_state(tmp_path / f"{write}.sqlite", write=write, ttl_s=60) as (state, _):
            row = await state.create_session("Ada", "assistant")
            await state.history(row.id, LAST, 20)
            await state.session(row.id)
            await state.record_turn(row.id, turn(1))
            before = state.counts.misses
            assert len(await state.history(row.id, LAST, 20)) == 2
            found = await state.session(row.id)
            assert found is not None and found.turns == 1
            return state.counts.misses - before

    assert asyncio.run(loads_after_write("aside")) == 2
    assert asyncio.run(loads_after_write("through")) == 0


def test_ahead_renews_before_the_end_and_aside_does_not(tmp_path: Path) -> None:
    async def misses(write: str) -> tuple[int, int]:
        async with cached_state(tmp_path / f"{write}.sqlite", write=write, ttl_s=0.2) as (state, _):
            await state.open_session(1, "Ada", "assistant")
            for _ in range(30):
                await state.session(1)
                await asyncio.sleep(0.02)
            return state.counts.misses, state.counts.refreshes

    aside, ahead = asyncio.run(misses("aside")), asyncio.run(misses("ahead"))
    assert aside[1] == 0 and aside[0] >= 3
    assert ahead[1] >= 2 and ahead[0] < aside[0]


def test_behind_stores_later_in_one_batch_and_all_of_it_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"

    async def run() -> list[int]:
        async with cached_state(path, write="behind", linger_s=0.05) as (state, _):
            rows = [await state.create_session(f"user {n}", "assistant") for n in range(300)]
            assert len({row.id for row in rows}) == 300 and all(0 < row.id < 1 << 53 for row in rows)
            assert state.counts.pending == 300 and state.counts.flushed == 0
            assert await state.session(rows[0].id) == rows[0]
            return [row.id for row in rows]

    ids = asyncio.run(run())

    async def kept() -> list[SessionRow | None]:
        state = sqlite_state(path)
        state.open()
        found = [await state.session(key) for key in ids]
        await state.close()
        return found

    assert all(asyncio.run(kept()))


def test_behind_waits_for_a_store_that_is_away_and_refuses_when_full(tmp_path: Path) -> None:
    class Away(Yielding):
        away = True

        async def apply(self, changes: object) -> None:
            if self.away:
                raise StateUnavailable("away")
            await super().apply(changes)

    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite") as (aside, below):
            store = Away(below)
            made = CacheSettings(write="behind", linger_s=0.001, pending=3, wait_s=0.1)
            state = implementation("cache_write", "behind").build(store, aside.levels, aside.invalidation, made)
            state.open()
            rows = [await state.create_session("Ada", "assistant") for _ in range(3)]
            with pytest.raises(StateUnavailable, match="3 writes wait"):
                await state.create_session("Bo", "assistant")
            with pytest.raises(StateUnavailable, match="not taken yet"):
                await state.history(rows[0].id, LAST, 5)
            store.away = False
            while state.counts.pending:
                await asyncio.sleep(0.02)
            assert all([await below.session(row.id) for row in rows])
            await state.close()

    asyncio.run(run())


def test_behind_loses_only_the_write_that_is_refused_though_the_store_goes_away_meanwhile(tmp_path: Path) -> None:
    class Picky(Yielding):
        tries = 0

        async def apply(self, changes: Sequence[Change]) -> None:
            if any(isinstance(change, Opened) and change.user == "poison" for change in changes):
                raise ValueError("refused")
            self.tries += 1
            if self.tries == 2:
                raise StateUnavailable("away for a moment")
            await super().apply(changes)

    async def run() -> None:
        async with cached_state(tmp_path / "s.sqlite") as (aside, below):
            store = Picky(below)
            made = CacheSettings(write="behind", linger_s=0.05)
            state = implementation("cache_write", "behind").build(store, aside.levels, aside.invalidation, made)
            state.open()
            users = ("Ada", "poison", "Bo", "Cy")
            rows = [await state.create_session(user, "assistant") for user in users]
            while state.counts.pending:
                await asyncio.sleep(0.02)
            kept = [await below.session(row.id) is not None for row in rows]
            assert kept == [True, False, True, True] and store.tries >= 3
            await state.close()

    asyncio.run(run())


def test_a_hundred_equal_cold_reads_are_one_load_and_a_waiter_may_leave(tmp_path: Path) -> None:
    async def run(flight: str) -> int:
        async with cached_state(tmp_path / f"{flight}.sqlite", flight=flight, turns=[5]) as (state, below):
            await state.open_session(1, "Ada", "assistant")
            reads = [asyncio.create_task(state.session(1)) for _ in range(100)]
            await asyncio.sleep(0)
            reads[0].cancel()  # the one whose question started the load
            found = await asyncio.gather(*reads, return_exceptions=True)
            assert isinstance(found[0], asyncio.CancelledError)
            assert all(isinstance(row, SessionRow) for row in found[1:])
            return below.reads

    assert asyncio.run(run("off")) > 50
    assert asyncio.run(run("on")) == 1


def test_a_failed_load_is_told_to_all_and_not_kept(tmp_path: Path) -> None:
    class Failing(Yielding):
        async def session(self, session: int) -> SessionRow | None:
            await super().session(session)
            raise StateUnavailable("away")

    async def run() -> None:
        below = Failing(sqlite_state(tmp_path / "s.sqlite"), [2])
        below.open()
        state = implementation("single_flight", "on").build(below)
        told = await asyncio.gather(*(state.session(1) for _ in range(5)), return_exceptions=True)
        assert [str(error) for error in told] == ["away"] * 5 and below.reads == 1
        with pytest.raises(StateUnavailable):
            await state.session(1)
        assert below.reads == 2
        await state.close()

    asyncio.run(run())


def test_the_loader_asks_once_for_all_rows_of_a_turn_of_the_loop(tmp_path: Path) -> None:
    async def run() -> None:
        store = sqlite_state(tmp_path / "s.sqlite")
        store.open()
        asked: list[tuple[object, ...]] = []
        plain = store.store.read

        async def counting(sql: str, values: tuple[object, ...]) -> object:
            asked.append(values)
            return await plain(sql, values)

        store.store.read = counting
        state = implementation("loader", "batched").build(store)
        rows = [await state.create_session(f"user {n}", "assistant") for n in range(130)]
        found = await asyncio.gather(
            *(state.session(key) for row in rows for key in (row.id, row.id)), state.session(5)
        )
        assert [row for row in found[:-1:2]] == rows == [row for row in found[1::2]] and found[-1] is None
        assert [len(values) for values in asked] == [100, 31]
        await state.close()

    asyncio.run(run())


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 40_000), min_size=1, max_size=60), entries=st.integers(1, 20))
def test_the_level_in_process_is_bounded_by_entries_and_bytes(sizes: list[int], entries: int) -> None:
    level, now = MemoryLevel(entries, 200_000, 60.0), time.time()
    for number, size in enumerate(sizes):
        kept = level.put(Key("session", number), Entry(SessionRow(number, "u" * size, "", "", 0, 0, 0), now, 0))
        assert kept == (size + 464 <= 200_000 // 16)
        assert (level.get(Key("session", number), 0, now) is not None) == kept
        assert len(level) <= entries and level.bytes <= 200_000


def test_a_template_is_seen_within_its_time_to_live(tmp_path: Path) -> None:
    file = tmp_path / "greeting.j2"
    file.write_text("Hello {{ user }}")
    prompts = implementation("template", "cached_ttl").build(tmp_path)
    assert prompts.render("greeting", {"user": "Ada"}) == "Hello Ada" == prompts.render("greeting", {"user": "Ada"})
    assert prompts.render("greeting", {"user": ["Ada"]}) == "Hello ['Ada']"
    file.write_text("Good day {{ user }}")
    assert prompts.render("greeting", {"user": "Ada"}) == "Hello Ada"  # it was looked at within the second
    prompts._ttl_s = 0.0
    assert prompts.render("greeting", {"user": "Ada"}) == "Good day Ada"
    compiled = prompts._compiled["greeting"].template
    assert prompts.render("greeting", {"user": "Bo"}) == "Good day Bo"
    assert prompts._compiled["greeting"].template is compiled  # looked at again, not compiled again
    os.unlink(file)
    with pytest.raises(UnknownTemplate):
        prompts.render("greeting", {"user": "Ada"})
