"""Real locust processes against a real server: every row is there once, and whatever goes wrong is said."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perflab.errors import LoadFailure, UsageError
from perflab.load.collect import read_lateness, read_rows
from perflab.load.plan import LoadPlan
from perflab.load.process import LoadGroup
from perflab.load.runner import run_load, start_load
from perflab.load.slots import slots

from .conftest import ECHO_USERS, server

MakePlan = Callable[..., LoadPlan]


def expected_units(plan: LoadPlan, rate: float) -> set[tuple[int, int]]:
    """Return the (user, seq) that a plan of EchoUsers must leave: a unit for each deadline before the slot's end."""
    period, out = round(1e9 / rate), set()
    for slot in slots(plan)["EchoUser"]:
        length = round(slot.end_s * 1e9) - round(slot.start_s * 1e9)
        out |= {(slot.number, seq) for seq in range(1, -(-length // period) + 1)}
    return out


def test_every_unit_leaves_one_row_due_when_it_was_planned(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, steps=((0.0, 3), (1.0, 5)), options={"rate": 20.0})
    result = run_load(plan, ECHO_USERS)
    rows = read_rows(result.row_logs)
    assert set(zip(rows["user"], rows["seq"], strict=True)) == expected_units(plan, 20.0)
    assert len(rows) == result.rows == len(expected_units(plan, 20.0)) and result.unfinished == 0
    assert set(rows["outcome"]) == {"ok"} and rows.attrs["torn_rows"] == 0
    starts = {slot.number: slot.start_s for slot in slots(plan)["EchoUser"]}
    units = zip(rows["user"], rows["seq"], strict=True)
    due = [result.go_ns + round(starts[user] * 1e9) + (seq - 1) * 50_000_000 for user, seq in units]
    assert list(rows["intended_ns"]) == due
    assert (rows["start_ns"] >= rows["intended_ns"]).all() and (rows["first_ns"] > rows["start_ns"]).all()
    assert result.notes["paced"] == ["EchoUser"] and result.notes["arrives"] == ["EchoUser"]
    assert result.generator.wall_s > plan.duration_s and result.generator.cpu_percent > 0


def test_frames_never_drift_and_none_is_lost(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, users={"TickUser": 1.0}, primary="TickUser")
    result = run_load(plan, ECHO_USERS)
    rows = read_rows(result.row_logs).sort_values(["user", "seq"])
    for _, stream in rows.groupby("user"):
        assert list(stream["seq"]) == list(range(len(stream)))
        assert (stream["intended_ns"].diff().dropna() == 20_000_000).all()
        assert len(stream) > 25
    late = read_lateness(result.lateness_logs)
    assert late.sent.sum() >= len(rows) and result.generator.lost_frames == 0


def test_a_stall_shows_in_the_latencies_and_not_in_the_service_times(make_plan: MakePlan) -> None:
    with server("echo_server.py", "--stall", "0.7", "1.0") as (port, process):
        plan = make_plan(
            endpoints={"echo": f"ws://127.0.0.1:{port}/"}, steps=((0.0, 2),), duration_s=3.0, options={"rate": 40.0}
        )
        rows = read_rows(run_load(plan, ECHO_USERS).row_logs)
        assert process.stdout
        begin, end = map(int, process.stdout.readline().split()[1:])
    stalled = rows[(rows["intended_ns"] > begin) & (rows["intended_ns"] < end)]
    assert len(stalled) >= 2 * 40 - 4  # nothing is left out while the server stands still
    assert (stalled["first_ns"] >= end).all()  # each waited until the stall was over, counted from when it was due
    served_slowly = (rows["first_ns"] - rows["start_ns"]) > 0.5e9
    assert served_slowly.sum() <= 4  # what a closed load would have seen: one request of each user
    waited = (rows["first_ns"] - rows["intended_ns"]) > 0.5e9
    assert waited.sum() >= 2 * 40 * 0.5 - 4


def test_units_that_were_due_and_never_begun_leave_a_row_each(make_plan: MakePlan) -> None:
    """A system of 5 units/s is offered 20/s: the backlog at the end of the drain must not vanish."""
    with server("echo_server.py", "--delay", "0.2") as (port, _):
        plan = make_plan(endpoints={"echo": f"ws://127.0.0.1:{port}/"}, steps=((0.0, 2),), drain_s=0.5)
        result = run_load(plan, ECHO_USERS)
    rows = read_rows(result.row_logs)
    assert sorted(zip(rows["user"], rows["seq"], strict=True)) == sorted(expected_units(plan, 20.0))
    unanswered = rows[rows["outcome"] == "unfinished"]
    never_begun = unanswered[unanswered["start_ns"] == 0]
    assert len(never_begun) >= len(rows) / 3 and len(unanswered) == result.unfinished <= len(never_begun) + 2
    over = result.go_ns + round((plan.duration_s + plan.drain_s) * 1e9)
    assert (rows["start_ns"] < over).all() and (unanswered["end_ns"] >= over).all()
    assert (rows["start_ns"] > result.go_ns + 2e9).any()  # due before the end and begun late: its wait is measured


def test_pings_of_the_server_are_no_answers(make_plan: MakePlan) -> None:
    with server("echo_server.py", "--ping") as (port, _):
        plan = make_plan(endpoints={"echo": f"ws://127.0.0.1:{port}/"}, duration_s=1.5)
        rows = read_rows(run_load(plan, ECHO_USERS).row_logs)
    assert len(rows) == len(expected_units(plan, 20.0)) and set(rows["outcome"]) == {"ok"}


@pytest.mark.slow
def test_two_workers_share_the_plan_without_loss_or_double(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, steps=((0.0, 5),), workers=2, arrivals_per_s=20.0)
    result = run_load(plan, ECHO_USERS)
    rows = read_rows(result.row_logs)
    assert len(result.row_logs) == 2 and set(rows["worker"]) == {0, 1}
    closed = rows[(rows["kind"] == "request") & (rows["user"] < 1_000_000)]
    assert sorted(zip(closed["user"], closed["seq"], strict=True)) == sorted(expected_units(plan, 20.0))
    assert (closed["user"] % 2 == closed["worker"]).all()
    arrivals = rows[rows["kind"] == "arrival"]
    assert arrivals["user"].is_unique and set(arrivals["worker"]) == {0, 1}
    assert result.generator.workers == 2


@pytest.mark.slow
def test_workers_join_a_master_elsewhere(echo_url: str, make_plan: MakePlan, tmp_path: Path) -> None:
    from perflab.load.process import free_port

    bind = f"127.0.0.1:{free_port('127.0.0.1')}"
    common: dict[str, Any] = {"endpoints": {"echo": echo_url}, "steps": ((0.0, 4),), "duration_s": 3.0}
    here = make_plan(**common, bind=bind, remote_workers=1)
    there = make_plan(**{**common, "endpoints": {}}, master=bind, out_dir=str(tmp_path / "there"))
    own, loads = start_load(here, ECHO_USERS), []
    going = threading.Thread(target=own.go)
    try:
        going.start()
        while not (Path(here.out_dir) / "load.worker0.ready").exists():
            time.sleep(0.05)
        going.join(1.5)
        assert going.is_alive()  # nothing begins before the worker elsewhere has come
        loads.append(start_load(there, ECHO_USERS))
        loads[0].go()
        going.join()
        results = [own.wait(), loads[0].wait()]
    finally:
        own.kill()
        for load in loads:
            load.kill()
    whole, part = (read_rows(result.row_logs) for result in results)
    assert len(results[0].row_logs) == 2 and len(results[1].row_logs) == 1
    assert sorted(zip(whole["user"], whole["seq"], strict=True)) == sorted(expected_units(here, 20.0))
    theirs = whole[whole["worker"] == part["worker"].iloc[0]].reset_index(drop=True)
    assert 0 < len(part) == len(theirs) < len(whole)
    assert (theirs["end_ns"] - theirs["intended_ns"] == part["end_ns"] - part["intended_ns"]).all()
    assert (theirs["intended_ns"] >= results[0].go_ns).all()  # on the master's clock
    assert results[0].generator.workers == 2
    first = whole[whole["seq"] == 1]
    assert (first["start_ns"] - first["intended_ns"] < 1e9).all()  # and then no user is late


@pytest.mark.slow
def test_a_worker_with_another_load_is_refused(echo_url: str, make_plan: MakePlan, tmp_path: Path) -> None:
    from perflab.load.process import free_port

    bind = f"127.0.0.1:{free_port('127.0.0.1')}"
    own = start_load(make_plan(endpoints={"echo": echo_url}, bind=bind, remote_workers=1), ECHO_USERS)
    there = make_plan(master=bind, out_dir=str(tmp_path / "there"), seed=8)
    other = start_load(there, ECHO_USERS)
    try:
        other.go()
        own.go()
        with pytest.raises(LoadFailure, match="the master's load is another one"):
            other.wait()
    finally:
        own.kill()
        other.kill()


LYING_WORKER = """
import sys, time
import locust
from locust.rpc import Message, zmqrpc
client = zmqrpc.Client("127.0.0.1", int(sys.argv[1]), "liar")
client.send(Message("client_ready", locust.__version__, "liar"))
client.send(Message("perflab_prepared", {}, "liar"))
while client.recv().type != "perflab_start":
    pass
for at in range(3):
    client.send(Message("perflab_log", {"suffix": "../rows", "at": at, "data": b""}, "liar"))
time.sleep(30)
"""


@pytest.mark.slow
def test_a_log_that_no_worker_writes_ends_the_load_with_one_line(echo_url: str, make_plan: MakePlan) -> None:
    from perflab.load.process import free_port

    port = free_port("127.0.0.1")
    plan = make_plan(endpoints={"echo": echo_url}, duration_s=60.0, bind=f"127.0.0.1:{port}", remote_workers=1)
    own = start_load(plan, ECHO_USERS)
    liar = subprocess.Popen([sys.executable, "-c", LYING_WORKER, str(port)])
    began = time.monotonic()
    try:
        own.go()
        with pytest.raises(LoadFailure, match=r"load: Worker \d sent a piece of log that cannot be") as failure:
            own.wait()
    finally:
        own.kill()
        liar.kill()
        liar.wait()
    assert "\n" not in str(failure.value) and "Traceback" not in str(failure.value)
    assert str(failure.value).count("sent a piece") == 1 and time.monotonic() - began < 40
    assert not any(psutil.pid_exists(pid) for pid in own.pids)


def test_arrivals_come_as_scheduled(echo_url: str, make_plan: MakePlan) -> None:
    from perflab.load.arrivals import poisson_schedule

    plan = make_plan(endpoints={"echo": echo_url}, steps=(), arrivals_per_s=60.0)
    result = run_load(plan, ECHO_USERS)
    rows = read_rows(result.row_logs)
    arrivals = rows[rows["kind"] == "arrival"].sort_values("user")
    schedule = poisson_schedule(plan)
    assert list(arrivals["user"]) == [1_000_000 + k for k in range(len(schedule))]
    assert list(arrivals["intended_ns"]) == [result.go_ns + round(at * 1e9) for at in schedule]
    assert set(arrivals["outcome"]) == {"ok"}


def test_a_full_disk_ends_the_load_in_one_line_and_keeps_the_rows(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, steps=((0.0, 6),), duration_s=20.0, options={"rate": 50.0})
    load = start_load(plan, ECHO_USERS)
    try:
        load.go()
        for pid in load.pids:  # every file of the process may hold this much: the row log gets there first
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(LoadFailure, match="while writing samples") as failure:
            load.wait()
    finally:
        load.kill()
    assert "\n" not in str(failure.value) and "kept" in str(failure.value)
    rows = read_rows([Path(plan.out_dir) / "load.0.rows"])
    assert 400 < len(rows) <= 100_000 // 136


def test_an_interrupt_keeps_the_rows_and_ends_every_process(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, duration_s=60.0)
    load = start_load(plan, ECHO_USERS)

    def on_tick(elapsed: float) -> None:
        if elapsed > 1.5:
            raise KeyboardInterrupt

    load.go()
    with pytest.raises(KeyboardInterrupt):
        load.wait(on_tick)
    assert not any(psutil.pid_exists(pid) for pid in load.pids)
    assert len(read_rows([Path(plan.out_dir) / "load.0.rows"])) > 20
    assert json.loads((Path(plan.out_dir) / "load.0.done.json").read_text())["rows"] > 20


def test_a_worker_that_dies_before_it_is_ready_is_named_although_the_master_waits(
    echo_url: str, make_plan: MakePlan
) -> None:
    load = start_load(make_plan(endpoints={"echo": echo_url}, workers=2), ECHO_USERS)
    os.kill(load.pids[1], signal.SIGKILL)
    try:
        with pytest.raises(LoadFailure, match="worker0 ended before it was ready"):
            load.go()
    finally:
        load.kill()


@pytest.mark.slow
def test_a_worker_that_is_killed_fails_the_load_at_once(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, duration_s=100.0, workers=2)
    load = start_load(plan, ECHO_USERS)
    began = 0.0

    def on_tick(elapsed: float) -> None:
        nonlocal began
        if elapsed > 2 and not began:
            began = time.monotonic()
            os.kill(load.pids[1], signal.SIGKILL)

    load.go()
    with pytest.raises(LoadFailure, match="broke off"):
        load.wait(on_tick)
    assert time.monotonic() - began < 60
    assert not any(psutil.pid_exists(pid) for pid in load.pids)
    assert len(read_rows(sorted(Path(plan.out_dir).glob("load.*.rows")))) > 20


def test_should_stop_ends_early_with_a_result(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, duration_s=60.0)
    asked: list[float] = []

    def a_second_into_the_load() -> bool:  # counted from the first asking: how long the start takes does not matter
        asked.append(time.monotonic())
        return asked[-1] > asked[0] + 1

    result = run_load(plan, ECHO_USERS, should_stop=a_second_into_the_load)
    assert result.rows == len(read_rows(result.row_logs)) > 0
    assert time.monotonic() - asked[0] < plan.duration_s


STOPS = """
import inspect
from locust.env import Environment
import perflab.load.entry.perflab_hooks
read = []
inspect.stack = lambda *_: read.append("sources") or [[None]]
runner = Environment().create_local_runner()
runner.update_state("running")
runner.stop()
print(runner.state, read)
"""


def test_the_end_of_a_load_reads_no_sources_while_frames_are_still_due() -> None:
    """It took 50 to 100 ms in which nothing was sent: a load that ends with its profiler was late by that."""
    found = subprocess.run([sys.executable, "-c", STOPS], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.split() == ["stopped", "[]"]


@pytest.mark.parametrize("kernel", ["as it is", "without handles of processes"])
def test_a_wait_ends_with_the_load_or_with_its_time(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> int:
        raise OSError("not here")

    if kernel != "as it is":
        monkeypatch.setattr(os, "pidfd_open", refused)
    group = LoadGroup.__new__(LoadGroup)
    with subprocess.Popen(["sleep", "0.3"]) as short, subprocess.Popen(["sleep", "60"]) as long:
        group.processes = {"short": short}
        began = time.monotonic()
        group.wait(50)
        assert time.monotonic() - began < 30 and short.poll() == 0
        group.processes = {"short": short, "long": long}
        group.wait(0.1)
        assert long.poll() is None
        long.kill()
    group.wait(50)
    assert not group.running and time.monotonic() - began < 45


def test_a_load_dies_with_its_parent(echo_url: str, make_plan: MakePlan) -> None:
    plan = make_plan(endpoints={"echo": echo_url}, duration_s=60.0)
    path = Path(plan.out_dir).parent / "plan.json"
    plan.save(path)
    script = (
        "import sys; from pathlib import Path; from perflab.load.plan import LoadPlan\n"
        "from perflab.load.runner import start_load\n"
        "load = start_load(LoadPlan.load(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "load.go(); print(*load.pids, flush=True); load.wait()"
    )
    command = [sys.executable, "-c", script, str(path), str(ECHO_USERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids and all(psutil.pid_exists(pid) for pid in pids)
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"users": {"Nobody": 1.0}, "primary": "Nobody"}, "Unknown User.*Nobody"),
        ({"users": {"FaultyUser": 1.0}, "primary": "FaultyUser"}, "FaultyUser 0 raised KeyError: 'no such thing'"),
    ],
)
def test_faults_of_plan_and_load_file_are_said(make_plan: MakePlan, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(LoadFailure, match=said) as failure:
        run_load(make_plan(steps=((0.0, 1),), **changes), ECHO_USERS)
    assert "\n" not in str(failure.value)


def test_a_missing_load_file_is_said(make_plan: MakePlan, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No load file"):
        run_load(make_plan(), tmp_path / "nothing.py")


def test_the_parent_never_imports_locust() -> None:
    script = (
        "import sys, perflab.load.runner, perflab.load.collect; print('locust' in sys.modules, 'pandas' in sys.modules)"
    )
    seen = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_the_self_check_measures_the_generator() -> None:
    from perflab.load.selfcheck import generator_check

    seen = generator_check(sessions=10, seconds=3.0)
    assert seen.lost_frames == 0 and 0 < seen.late_p50_ms <= seen.late_p99_ms <= seen.late_max_ms
    assert 300 < seen.achieved_frame_rate <= seen.asked_frame_rate <= 500
