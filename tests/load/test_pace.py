"""A user's deadlines, and when a load with some of them waiting is over; no process is started."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from perflab.load.generator import Generator
from perflab.load.pace import Pace
from perflab.load.plan import LoadPlan
from perflab.load.unit_rows import Units
from perflab.wire.rowlog import RowLog


def paced(end_ns: int, most: int = 0, due_ns: int = 100) -> tuple[Pace, list[tuple[int, int]]]:
    given: list[tuple[int, int]] = []
    return Pace(due_ns, 10, end_ns, end_ns + 50, lambda seq, due: given.append((seq, due)), most), given


def test_deadlines_end_before_the_slot_and_at_the_most_units() -> None:
    for most, count in ((0, 5), (3, 3)):
        pace, _ = paced(150, most)
        taken = []
        while not pace.over:
            taken.append(pace.take())
        assert taken == [(seq, 90 + 10 * seq) for seq in range(1, count + 1)]


def test_what_was_due_is_given_up_once_and_nothing_else() -> None:
    pace, given = paced(150)
    pace.take()
    pace.drop(125)
    assert pace.over and given == [(2, 110), (3, 120)]
    pace.drop(10_000)
    assert len(given) == 2
    pace, given = paced(150, most=3)
    pace.drop(10_000)
    assert given == [(1, 100), (2, 110), (3, 120)]


def test_a_load_drains_while_a_unit_waits_to_be_begun(make_plan: Callable[..., LoadPlan], tmp_path: Path) -> None:
    (out := tmp_path / "load").mkdir()
    generator = Generator(make_plan(out_dir=str(out), duration_s=2.0, drain_s=10.0), 0, 1, lambda: None)
    generator.go_ns = time.monotonic_ns() - 3_000_000_000  # a second into the drain
    pace, given = paced(generator.end_ns, due_ns=generator.end_ns - 25)
    generator.paces.add(pace)
    assert not generator.finished
    while not pace.over:
        pace.take()
    assert generator.finished and not given
    generator.close()


@pytest.mark.parametrize(("arrivals_per_s", "over"), [(0.0, True), (2.0, False)])
def test_only_a_closed_load_is_over_when_its_users_have_left(
    make_plan: Callable[..., LoadPlan], tmp_path: Path, arrivals_per_s: float, over: bool
) -> None:
    (out := tmp_path / "load").mkdir()
    plan = make_plan(out_dir=str(out), steps=(), arrivals_per_s=arrivals_per_s, options={"units_per_user": 1.0})
    generator = Generator(plan, 0, 1, lambda: None)
    generator.begin(time.monotonic_ns(), {})
    gc.unfreeze()
    assert generator.finished is over  # nobody has come yet
    generator.close()


def test_a_number_that_no_row_holds_ends_the_load_with_one_line(tmp_path: Path) -> None:
    said: list[OSError] = []
    units = Units(RowLog(tmp_path / "load.0.rows"), said.append)
    for user in (1, 1 << 32, 2):
        units.begin("turn", "voice", user=user, seq=1, intended_ns=1).close("ok")
    units.close()
    assert len(said) == 1 and "no row holds this number" in str(said[0])
