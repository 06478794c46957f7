"""Sensors of the machine and its processes, on the machine that runs the test."""

import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from perflab.instrument import proc
from perflab.instrument.clock import read_clock
from perflab.instrument.cpu_clock import process_cpu_s, tree_cpu_s
from perflab.instrument.fault_cost import page_fault_s
from perflab.instrument.machine import capabilities
from perflab.instrument.noise import NoiseWindow, run_canary
from perflab.instrument.resources import ResourceSampler, read_now
from perflab.instrument.window import Watch

BURN = "import subprocess, sys, time\nt = time.process_time()\nwhile time.process_time() - t < {s}: pass\n"


def test_cpu_memory_and_threads_of_a_process_with_a_child(tmp_path):
    code = (
        f"import subprocess, sys\nc = subprocess.Popen([sys.executable, '-c', {BURN.format(s=0.4)!r}])\n"
        + BURN.format(s=0.3)
    )
    code += "c.wait()\nprint('done', flush=True)\ntime.sleep(20)\n"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        with ResourceSampler({"burner": ("system", child.pid)}, rate_hz=20) as sampler:
            assert child.stdout.readline() == b"done\n"
            time.sleep(0.1)
        assert 0.6 <= proc.cpu_seconds(child.pid) <= 1.5
    finally:
        child.kill()
        child.wait()
    table = pq.read_table(sampler.write(tmp_path / "r.parquet", "t1"))
    assert table.column_names == ["trial", "process", "role", "t_ns", "cpu_s", "rss_bytes", "threads", "fds",
                                  "run_delay_s", "nivcsw"]  # fmt: skip
    rows = table.to_pylist()
    assert rows[-1]["cpu_s"] >= 0.6
    assert [r["t_ns"] for r in rows] == sorted(r["t_ns"] for r in rows)
    assert max(r["rss_bytes"] for r in rows) > 4_000_000 and rows[0]["threads"] >= 1 and rows[0]["fds"] >= 3


HALVES = """import sys, time
def burn(until):
    while time.process_time() < until: pass
burn(0.3)
print('half', flush=True)
sys.stdin.readline()
burn(0.6)
"""
FORKS = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {HALVES!r}])\nprint('done', flush=True)\n"


def test_a_child_that_ends_between_two_readings_is_counted_once():
    parent = subprocess.Popen(
        [sys.executable, "-c", FORKS + "sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout.readline() == b"half\n"
        before, own = tree_cpu_s(parent.pid), process_cpu_s(parent.pid)
        parent.stdin.write(b"go on\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == b"done\n" and proc.descendants(parent.pid) == []
        spent, own = tree_cpu_s(parent.pid) - before, process_cpu_s(parent.pid) - own
    finally:
        parent.kill()
        parent.communicate()
    assert 0.25 < spent - own < 0.55  # the half before the first reading is not counted again


def test_the_clock_of_a_process_that_ended_cannot_be_read():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessLookupError):
        tree_cpu_s(child.pid)


def test_the_cores_of_a_role_are_those_of_its_children_too():
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    child = f"import os, time; os.sched_setaffinity(0, [{last}]); print('moved', flush=True); time.sleep(20)"
    code = f"import os, subprocess, sys\nos.sched_setaffinity(0, [{first}])\n"
    code += f"subprocess.run([sys.executable, '-c', {child!r}])"
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout.readline() == b"moved\n"
        with ResourceSampler({"parent": ("system", parent.pid)}, rate_hz=20) as sampler:
            time.sleep(0.05)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()
    assert sampler.cores("system") == sorted({first, last}) and sampler.cores("standin") == []


def test_a_process_that_ended_yields_no_rows_and_no_error():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with ResourceSampler({"gone": ("system", child.pid)}, rate_hz=50) as sampler:
        time.sleep(0.05)
    assert sampler.rows == [] and proc.stat(child.pid) is None and proc.cpu_seconds(child.pid) == 0.0


def test_a_reading_tells_milliseconds_of_cpu():
    """A window of a screening holds a tenth of a second of CPU: in ticks of 10 ms it would be off by a tenth."""
    me = {"me": ("system", os.getpid())}
    before, began = read_now(me)[0][0].cpu_s, time.process_time()
    while time.process_time() < began + 0.0035:
        sum(range(200))
    spent, read = time.process_time() - began, read_now(me)[0][0].cpu_s - before
    assert read == pytest.approx(spent, abs=0.0025)


def test_memory_of_the_sampler_is_bounded(monkeypatch):
    monkeypatch.setattr("perflab.instrument.resources.MAX_ROWS", 20)
    with ResourceSampler({"me": ("system", os.getpid())}, rate_hz=200) as sampler:
        time.sleep(0.6)
    assert len(sampler.rows) <= 30 and sampler.period > 1 / 200


def test_run_queue_delay_shows_a_neighbour_on_the_same_core():
    core = min(os.sched_getaffinity(0))
    burn = ["taskset", "-c", str(core), sys.executable, "-c", BURN.format(s=5)]
    first, second = subprocess.Popen(burn), subprocess.Popen(burn)
    try:
        time.sleep(0.3)
        before = proc.schedstat(first.pid)
        time.sleep(1.0)
        assert proc.schedstat(first.pid).delay_since(before) > 0.25
    finally:
        for child in (first, second):
            child.kill()
            child.wait()


def test_a_noise_reading_holds_shares_and_a_canary():
    window = NoiseWindow()
    time.sleep(0.2)
    seen = window.read()
    assert 0.15 < seen.seconds < 5
    assert all(0 <= share <= 1 for share in (seen.run_delay, seen.steal, seen.busy))
    assert seen.canary.cpu_ms > 0 and seen.canary.stretch > 0.9


def test_the_canary_grows_with_its_work():
    assert run_canary(400_000).cpu_ms > 2 * run_canary(40_000).cpu_ms


def test_the_clock_never_runs_back_and_its_cost_is_below_its_gaps():
    seen = read_clock(5000)
    assert seen.monotonic and 0 < seen.tick_ns <= seen.worst_gap_ns and seen.cost_ns > 0


def test_a_new_page_takes_the_time_that_it_takes_anywhere():
    assert 5e-8 < page_fault_s() < 5e-5


def test_every_missing_capability_names_what_mends_it():
    found = capabilities()
    assert {"cores", "py-spy attach", "pressure (PSI)", "netem", "promtool"} <= {c.name for c in found}
    assert all(bool(c.remedy) != c.available for c in found)


# Private pages, as those of a heap: shared ones take half as long again.
TOUCHES = """
import mmap
while True:
    with mmap.mmap(-1, 1 << 22, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as pages:
        pages.madvise(mmap.MADV_NOHUGEPAGE)
        for at in range(0, 1 << 22, 4096):
            pages[at] = 1
"""


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [
        ("while True: sum(range(1000))", 0.0, 0.15),
        ("f, room = open('/dev/zero', 'rb', 0), bytearray(1 << 20)\nwhile True: f.readinto(room)", 0.5, 1.0),
        (TOUCHES, 0.0, 0.4),
    ],
    ids=("computes", "reads", "touches"),
)
def test_the_kernels_part_of_the_cpu_is_told(code: str, low: float, high: float) -> None:
    child = subprocess.Popen([sys.executable, "-c", code])
    try:
        watch = Watch(child.pid)
        deadline = time.monotonic() + 20
        while watch.window().cpu_s < 0.5 and time.monotonic() < deadline:
            time.sleep(0.05)
            watch.look()
        assert low <= watch.window().kernel_share <= high
    finally:
        child.kill()
        child.wait()
