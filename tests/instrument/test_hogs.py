"""Our own hogs keep the machine busy while they should, and never longer."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perflab.errors import UsageError
from perflab.instrument import proc
from perflab.instrument.hogs import PROGRAM, hogs
from perflab.instrument.known_work import known_work
from perflab.instrument.noise import ThreadWait

ROOT = Path(__file__).resolve().parents[2]


def waited_share(seconds: float) -> float:
    """Return the share of `seconds` of busy work in which this thread waited for a core."""
    wait, work = ThreadWait(), known_work()
    began, before = time.monotonic_ns(), wait.read_ns()
    while time.monotonic_ns() - began < seconds * 1e9:
        work()
    share = (wait.read_ns() - before) / (time.monotonic_ns() - began)
    wait.close()
    return share


def test_two_hogs_a_core_make_the_thread_wait_a_third_of_its_time_and_are_gone_afterwards() -> None:
    core = min(os.sched_getaffinity(0))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        with hogs(2, 30, cores=(core,)) as pids:
            time.sleep(0.3)
            assert waited_share(1.5) >= 0.30
            assert all(proc.alive(pid) for pid in pids)
    finally:
        os.sched_setaffinity(0, allowed)
    assert not any(proc.alive(pid) for pid in pids)


def test_hogs_end_when_their_time_is_over() -> None:
    with hogs(1, 0.5) as (pid,):
        time.sleep(1.5)
        assert not proc.alive(pid)


def test_hogs_do_not_outlive_a_parent_that_is_killed() -> None:
    code = ("import time\nfrom perflab.instrument.hogs import hogs\n"
            "with hogs(2, 60) as pids:\n    print(*pids, flush=True)\n    time.sleep(60)\n")  # fmt: skip
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2 and all(proc.alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while any(proc.alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(proc.alive(pid) for pid in pids)


@pytest.mark.parametrize(
    ("count", "limit_s", "options", "words"),
    [
        (0, 5, {}, "hogs on"),
        (99, 5, {}, "hogs on"),
        (5, 5, {"cores": (0,)}, "5 hogs on 1 cores"),
        (1, 0, {}, "limit of 0 s"),
        (1, 601, {}, "limit of 601 s"),
        (1, 5, {"on_s": 0}, "Stretches"),
        (1, 5, {"off_s": -1}, "Stretches"),
    ],
)
def test_unbounded_hogs_are_refused(count: int, limit_s: float, options: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words), hogs(count, limit_s, **options):
        pass


def test_the_program_needs_nothing_of_perflab() -> None:
    assert "perflab" not in PROGRAM.read_text(encoding="utf-8").split('"""')[2]
