"""Watch a target over a window: CPU used, run-queue delay, and whether it lived to the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perflab.instrument import proc
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.failures import failure
from perflab.instrument.fault_cost import page_fault_s
from perflab.system.cores import given_cores
from perflab.system.process import child_setup

TAIL_LINES = 20
URGENT_NICE = -10


@dataclass(frozen=True)
class Window:
    """What the target did while an instrument looked; `start_ns` is CLOCK_MONOTONIC, `before` and `after` schedstat.

    `kernel_share`: of its CPU, in calls of the kernel, page faults not counted; told in ticks of 10 ms.
    """

    seconds: float
    cpu_s: float
    run_delay: float
    start_ns: int
    before: proc.SchedStat
    after: proc.SchedStat
    kernel_share: float = 0.0


class Watch:
    """Read the target's schedstat at the start and whenever asked; remembers the last reading while it lived."""

    def __init__(self, pid: int) -> None:
        self.pid, self.began, self.began_wall = pid, time.monotonic(), time.time()
        self._first = self._last = proc.schedstat(pid)
        self._cpu_first = self._cpu_last = process_cpu_s(pid) if proc.alive(pid) else 0.0
        self._stat_first = self._stat_last = proc.stat(pid)
        self._until = self.began

    def look(self) -> bool:
        """Read once; return whether the target still lives.

        A dead one reads as zero, which is not kept; but one that nobody has collected yet still tells its CPU time.
        """
        now = proc.schedstat(self.pid)
        if not proc.alive(self.pid):
            if (seen := proc.stat(self.pid)) and seen.cpu_s > self._cpu_last:
                self._cpu_last, self._until = seen.cpu_s, time.monotonic()
            return False
        with contextlib.suppress(ProcessLookupError):  # it may end at this very moment: the next look says so
            self._cpu_last, self._last, self._until = process_cpu_s(self.pid), now, time.monotonic()
            self._stat_last = proc.stat(self.pid) or self._stat_last
        return True

    def window(self) -> Window:
        """Return the readings so far."""
        seconds, used = self._until - self.began, self._cpu_last - self._cpu_first
        delay = self._last.delay_since(self._first)
        return Window(seconds, used, delay, int(self.began * 1e9), self._first, self._last, self._kernel_share())

    def _kernel_share(self) -> float:
        """Return the part of the CPU in calls of the kernel between two readings, in 0..1; 0 where none was used.

        A call gives Python's lock away while it works or waits, a page fault keeps it: faults are taken out by their
        number.
        """
        first, last = self._stat_first, self._stat_last
        used = last.cpu_s - first.cpu_s if first and last else 0.0
        if not first or not last or used <= 0:
            return 0.0
        inside = last.kernel_s - first.kernel_s - (last.faults - first.faults) * page_fault_s()
        return min(1.0, max(0.0, inside) / used)


def free_cores(pid: int, wished: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return the cores for a sampler: the wished ones, else those that the target may not use; () when there are none.

    A sampler on the target's core gets it when the target sleeps, and so charges the wrong function (measured: a
    true 54 % read as 44 %).
    """
    if wished:
        return wished
    try:
        taken = os.sched_getaffinity(pid)
    except ProcessLookupError:
        return ()
    return tuple(sorted(set(given_cores()) - taken))


def every_core() -> tuple[int, ...]:
    """Return all cores that were given: for what computes when nothing is measured, in a process that stays on some."""
    return given_cores()


def on_cores(cores: tuple[int, ...], urgent: bool = False) -> Callable[[], None]:
    """Return what a child does to end with its parent and to stay on `cores`, if any, `urgent`ly where it may."""
    first = child_setup(cores)

    def settle() -> None:
        first()
        if urgent:
            with contextlib.suppress(PermissionError):  # a higher priority takes root: without it the pause is longer
                os.setpriority(os.PRIO_PROCESS, 0, URGENT_NICE)

    return settle


def run_watched(
    argv: list[str],
    watch: Watch,
    limit_s: float,
    cores: tuple[int, ...] = (),
    cwd: Path | None = None,
    urgent: bool = False,
    env: dict[str, str] | None = None,
) -> tuple[int, str, float]:
    """Run a tool beside the target; return its exit code, its output, and its own CPU seconds.

    `urgent`: at a higher priority, for a tool that keeps the target waiting.

    SIGINT after `limit_s` (py-spy then writes what it has; SIGTERM would lose it), then the group is killed: P207. A
    tool that somebody stopped (SIGSTOP) will not end in time, which is told at once.
    """
    popen = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=env,
        start_new_session=True,
        preexec_fn=on_cores(cores, urgent),
    )
    deadline, used = time.monotonic() + limit_s, 0.0
    try:
        while popen.poll() is None and time.monotonic() < deadline:
            watch.look()
            used = max(used, proc.schedstat(popen.pid).run_s)
            _pause(popen, 0.1)
            if stopped(popen.pid):
                raise failure("P207", f"{Path(argv[0]).name} was stopped", "Nothing may stop it: kill -CONT PID")
        if popen.poll() is None:
            raise failure("P207", f"{Path(argv[0]).name} ran longer than {limit_s:.0f} s: {_interrupted(popen)}")
        watch.look()
        output, _ = popen.communicate(timeout=5)
        return popen.returncode, output.decode("utf-8", "replace"), used
    finally:
        kill_group(popen)


def stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal (SIGSTOP), not by a tracer."""
    seen = proc.stat(pid)
    return seen is not None and seen.state == "T"


def _interrupted(popen: subprocess.Popen[bytes]) -> str:
    os.killpg(popen.pid, signal.SIGINT)
    try:
        return _tail(popen.communicate(timeout=2)[0])
    except subprocess.TimeoutExpired:
        return "deaf to SIGINT"


def _pause(popen: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        popen.wait(seconds)
    except subprocess.TimeoutExpired:
        return  # still running, which is the usual case


def kill_group(popen: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process's group and collect it."""
    with contextlib.suppress(ProcessLookupError):  # a group that is gone is what was asked for
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def stop_and_wait(pid: int, limit_s: float) -> bool:
    """Send SIGTERM and wait until the process has ended (a zombie has); False when it has not in time."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    return wait_gone(pid, limit_s)


def wait_gone(pid: int, limit_s: float) -> bool:
    """Wait until a process has ended; polls every 50 ms, because it may not be our child."""
    deadline = time.monotonic() + limit_s
    while proc.alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def hold(watch: Watch, seconds: float) -> bool:
    """Let the target run for `seconds`; return whether it lived to the end."""
    deadline = time.monotonic() + seconds
    while watch.look():
        left = deadline - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(0.1, left))
    return False


def log_tail(path: Path | None) -> str:
    """Return the last lines of the target's log for a message, joined with ' | '."""
    if path is None or not path.is_file():
        return ""
    return _tail(path.read_bytes())


def _tail(raw: bytes) -> str:
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines() if line.strip()]
    return " | ".join(lines[-TAIL_LINES:])[-600:]
