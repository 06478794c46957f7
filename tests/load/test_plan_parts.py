"""Slots, arrivals and lateness histograms: the parts that need no process."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import LoadFailure, UsageError
from perflab.load.arrivals import poisson_schedule
from perflab.load.collect import read_lateness, read_rows, reconcile
from perflab.load.lateness import EDGES_NS, LatenessLog
from perflab.load.process import check_plan
from perflab.load.seats import seats_of
from perflab.load.slots import JITTER_S, slots
from perflab.wire.rowlog import ROW, RowLog


def standing(every: list[Any], at: float) -> int:
    return sum(slot.start_s <= at < slot.end_s for slot in every)


def test_slots_follow_the_steps(make_plan: Any) -> None:
    plan = make_plan(steps=((0.0, 10), (10.0, 100), (20.0, 5), (30.0, 0)), duration_s=40.0)
    every = slots(plan)["EchoUser"]
    assert [slot.number for slot in every] == list(range(100))
    seen = [standing(every, at) for at in (JITTER_S, 10 + JITTER_S, 20.0, 29.9, 30.0)]
    assert seen == [10, 100, 5, 5, 0]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.floats(0.05, 3.0))
def test_slots_count_every_class_in_proportion(levels: list[int], share: float) -> None:
    from perflab.load.plan import LoadPlan

    steps = tuple((10.0 * i, users) for i, users in enumerate(levels))
    plan = LoadPlan("t", "", {}, {"A": 2.0, "B": 2.0 * share}, "A", steps, 10.0 * len(levels), "")
    every = slots(plan)
    for i, users in enumerate(levels):
        at = 10.0 * i + JITTER_S
        assert standing(every["A"], at) == users and standing(every["B"], at) == round(users * share)
    assert every == slots(plan)
    numbers = [slot.number for name in ("A", "B") for slot in every[name]]
    assert numbers == list(range(len(numbers)))  # rows of two classes may be of one kind


def test_the_primary_is_numbered_from_zero_wherever_it_stands(make_plan: Any) -> None:
    every = slots(make_plan(users={"Browser": 1.0, "EchoUser": 2.0, "Nobody": 0.0}, steps=((0.0, 4),)))
    assert [slot.number for slot in every["EchoUser"]] == [0, 1, 2, 3]
    assert [slot.number for slot in every["Browser"]] == [4, 5] and "Nobody" not in every


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=3), st.integers(1, 7))
def test_seats_are_dealt_without_rest(counts: dict[str, int], workers: int) -> None:
    share = seats_of(counts)
    for name, count in counts.items():
        assert sum(share(index, workers)[name] for index in range(workers)) == count


def test_arrivals_are_poisson_and_repeat(make_plan: Any) -> None:
    plan = make_plan(arrivals_per_s=50.0, duration_s=200.0)
    schedule = np.array(poisson_schedule(plan))
    assert abs(len(schedule) - 10_000) < 4 * math.sqrt(10_000)
    gaps = np.diff(schedule)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05  # exponential: standard deviation = mean
    assert poisson_schedule(plan) == list(schedule) != poisson_schedule(make_plan(arrivals_per_s=50.0, seed=8))
    assert poisson_schedule(make_plan()) == []


@settings(deadline=None)
@given(st.lists(st.integers(10_000, 10_000_000_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_histogram_quantiles_keep_their_bound(tmp_path_factory: Any, values: list[int], q: float) -> None:
    path = Path(tmp_path_factory.mktemp("late")) / "load.0.lateness"
    log = LatenessLog(path)
    for index, value in enumerate(values):
        log.record(value)
        if index % 100 == 99:
            log.roll()
    log.miss(3)
    log.close()
    table = read_lateness([path])
    truth = sorted(values)[max(1, math.ceil(q * len(values))) - 1] / 1e6
    assert truth <= table.quantile_ms(q) * (1 + 1e-4) <= truth * (1 + table.relative_error) * (1 + 3e-4)
    assert table.sent.sum() == len(values) and table.asked.sum() == len(values) + 3 and table.lost.sum() == 3
    assert table.frame()["count"].sum() == len(values)


def test_histogram_ends(tmp_path: Path) -> None:
    log = LatenessLog(tmp_path / "load.3.lateness")
    log.record(0)
    log.record(EDGES_NS[-1] + 1)
    log.close()
    table = read_lateness([log.path])
    assert table.quantile_ms(0.5) == EDGES_NS[0] / 1e6 and table.quantile_ms(1.0) == math.inf
    assert set(table.worker) == {3}


def test_a_torn_row_is_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "load.0.rows"
    with RowLog(path) as log:
        for seq in range(5):
            log.append("turn", "voice", tag="t", outcome="lost", seq=seq, intended_ns=10**18 + seq)
    with path.open("rb+") as file:
        file.truncate(5 * ROW.size - 7)
    rows = read_rows([path])
    assert list(rows["seq"]) == [0, 1, 2, 3] and rows.attrs["torn_rows"] == 1
    assert set(rows["outcome"]) == {"lost"} and rows["intended_ns"].iloc[3] == 10**18 + 3
    with pytest.raises(LoadFailure, match="holds 4 rows and its worker wrote 5"):
        reconcile({"rows": 5, "failure": ""}, path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"duration_s": 0.0}, "duration_s"),
        ({"users": {}}, "users"),
        ({"primary": "Nobody"}, "primary"),
        ({"steps": ()}, "needs steps"),
        ({"steps": ((0.0, -1),)}, "negative"),
        ({"steps": ((5.0, 1), (1.0, 2))}, "times must rise"),
        ({"workers": 0}, "workers"),
        ({"master": "somewhere"}, "HOST:PORT"),
        ({"arrivals_per_s": -1.0}, "arrivals_per_s"),
        ({"drain_s": -1.0}, "drain_s"),
    ],
)
def test_bad_plans_are_refused_in_one_line(make_plan: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        check_plan(make_plan(**changes))
    assert "\n" not in str(refused.value)


def test_only_remote_logs_take_time_to_arrive(make_plan: Any) -> None:
    own = make_plan(duration_s=20.0, drain_s=10.0, workers=2)
    assert own.longest_s == 30.0
    for remote in (make_plan(duration_s=20.0, drain_s=10.0, remote_workers=1), make_plan(master="10.0.0.5:5557")):
        assert remote.longest_s >= remote.duration_s + remote.drain_s + 20
