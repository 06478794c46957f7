"""Planted defects: at their place, at their dose, under neutral names, and absent when nothing is asked for."""

from __future__ import annotations

import ast
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from perflab.errors import UsageError
from perflab.gateway import housekeeping, upkeep
from perflab.gateway.housekeeping import Levels, Notes, frame_chores, history_query, parse_doses
from perflab.gateway.state.schema import SCHEMA
from perflab.gateway.state.sessions import HISTORY_PAGE
from perflab.gateway.upkeep import Blends, Gains, Rests, Words
from perflab.wire.marks import Mark

from .planted import PLANTED
from .processes import ROOT, World, gateway
from .variants import OPTIMISED, conversation

PCM = bytes(range(256)) * 2 + bytes(128)


@pytest.mark.parametrize(("dose", "place"), PLANTED.items(), ids=list(PLANTED))
def test_every_dose_has_its_place(dose: str, place: tuple[str, str]) -> None:
    tree = ast.parse((ROOT / "perflab/gateway" / place[0]).read_text())
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert place[1] in functions
    assert dose in housekeeping.DOSES
    assert not any(word in place[1] for word in ("hot", "leak", "slow", "late", "lock", "plant"))


def test_nothing_is_done_when_nothing_is_asked_for() -> None:
    assert parse_doses("") == {}
    assert frame_chores({}) == []


@pytest.mark.parametrize("text", ["hot", "hot=x", "hot=-1", "hot=100", "cold=3", "late=0"])
def test_doses_that_are_not_understood(text: str) -> None:
    with pytest.raises(UsageError):
        parse_doses(text)


@pytest.mark.parametrize("dose", [0.05, 0.10, 0.20])
def test_the_controller_keeps_its_share_of_cpu(dose: float) -> None:
    levels = Levels(dose)
    inside = 0.0
    for _ in range(housekeeping.FRAMES_PER_LOOK):
        levels.refresh_levels(PCM)
    start = time.process_time()
    for _ in range(3000):
        sum(range(20_000))  # the gateway's other work, long against the clock readings of this test
        entered = time.thread_time()
        levels.refresh_levels(PCM)
        inside += time.thread_time() - entered
    assert inside / (time.process_time() - start) == pytest.approx(dose, abs=0.02)


def test_notes_grow_at_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(housekeeping.time, "monotonic", lambda: now)
    notes = Notes(1_000_000)
    for _ in range(100):
        now += 0.02
        notes.note_turn(PCM)
    assert sum(map(len, notes._notes)) == pytest.approx(2_000_000, abs=20_000)


def test_words_grow_at_their_rate_in_small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(upkeep.time, "monotonic", lambda: now)
    words = Words(1_000_000)
    for _ in range(50):
        now += 0.02
        words.index_words(PCM)
    kept, last = 0, words._last
    while last:
        kept += sys.getsizeof(last) + sys.getsizeof(last[1])
        last = last[0]
    assert kept == pytest.approx(1_000_000, abs=1000)


@pytest.mark.parametrize(("make", "chore"), [(Blends, "blend_pages"), (Gains, "shape_gain")])
def test_cpu_budgets_are_kept(make: type, chore: str) -> None:
    work = getattr(make(0.4), chore)
    for _ in range(housekeeping.FRAMES_PER_LOOK):
        work(PCM)
    inside, start = 0.0, time.process_time()
    for _ in range(2000):
        sum(range(20_000))
        entered = time.thread_time()
        work(PCM)
        inside += time.thread_time() - entered
    # 0.37 was seen where neighbours slowed the core from one look at the clock to the next
    assert inside / (time.process_time() - start) == pytest.approx(0.4, abs=0.05)


def test_rests_keep_their_share_of_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    now = asleep = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now, asleep
        now, asleep = now + 1.3 * seconds, asleep + 1.3 * seconds  # a sleep lasts longer than it was asked to

    monkeypatch.setattr(upkeep.time, "monotonic", lambda: now)
    monkeypatch.setattr(upkeep.time, "sleep", sleep)
    rests = Rests(0.3)
    for _ in range(2000):
        rests.settle_frame(PCM)
        now += 0.001
    assert asleep / now == pytest.approx(0.3, abs=0.01)


def test_the_slow_query_finds_the_same_rows(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "state.sqlite")
    database.executescript(SCHEMA)
    row = "INSERT INTO history VALUES (NULL, ?, ?, 'user', 'x', 1, 'ok', 1)"
    database.executemany(row, [(session, turn) for session in (1, 2) for turn in range(30)])
    slow = history_query(HISTORY_PAGE, 0.02)
    for arguments in ((1, 1 << 62, 10), (2, 45, 5), (3, 1 << 62, 10)):
        assert database.execute(slow, arguments).fetchall() == database.execute(HISTORY_PAGE, arguments).fetchall()
    plan = " ".join(str(row) for row in database.execute(f"EXPLAIN QUERY PLAN {slow}", (1, 9, 9)))
    assert "RECURSIVE" in plan


@pytest.mark.slow
@pytest.mark.parametrize("flags", [{"reply": "streamed"}, OPTIMISED], ids=["streamed", "optimised"])
def test_a_late_reply_is_late_between_its_marks(outside: World, flags: dict[str, str]) -> None:
    with gateway(outside, "late", flags, plant="late=200") as running:
        answers = conversation(running)
    for answer in answers:
        assert answer.marks[Mark.TX_FIRST] - answer.marks[Mark.UP_RX_FIRST] >= 199e6


@pytest.mark.slow
def test_all_at_once_changes_no_answer(outside: World) -> None:
    with gateway(outside, "clean", OPTIMISED) as running:
        clean = conversation(running)
    with gateway(outside, "planted", OPTIMISED, plant="hot=10,leak=500,slow_query=20,late=20,lock=2") as running:
        planted = conversation(running)
    assert [(a.text, a.audio) for a in planted] == [(a.text, a.audio) for a in clean]
