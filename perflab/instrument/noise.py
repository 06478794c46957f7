"""Sensors of what else the machine does: PSI, steal, run-queue delay, and a canary of fixed work.

Run-queue delay follows the real slow-down best (rank correlation 0.98); steal alone is blind to neighbours inside the
same machine. Read adjacent to the timing that they judge.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from perflab.instrument import proc

PRESSURE = Path("/proc/pressure/cpu")
CANARY_ROUNDS = 60_000


@dataclass(frozen=True)
class Canary:
    """Fixed work, timed: `stretch` = wall / CPU (1 = never waited); `cpu_ms` grows when the core itself is slower."""

    cpu_ms: float
    wall_ms: float

    @property
    def stretch(self) -> float:
        """Wall over CPU time; at least about 1."""
        return self.wall_ms / self.cpu_ms if self.cpu_ms > 0 else 1.0


@dataclass(frozen=True)
class NoiseReading:
    """One window; shares in 0..1. `pressure` is PSI cpu "some" (None where the kernel has none).

    `canary` ran after the window, `canary_before` before it (None unless it was asked for).
    """

    seconds: float
    run_delay: float
    steal: float
    busy: float
    pressure: float | None
    throttled_s: float
    canary: Canary
    canary_before: Canary | None = None


def run_canary(rounds: int = CANARY_ROUNDS) -> Canary:
    """Do fixed integer work (about 5 ms of CPU) and time it by this thread's CPU clock and by the wall."""
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    total = 0
    for i in range(rounds):
        total = (total * 1103515245 + i) & 0x7FFFFFFF
    return Canary((time.thread_time_ns() - cpu) / 1e6, (time.perf_counter_ns() - wall) / 1e6)


class NoiseWindow:
    """Open it before a trial and read it right after; `pid` is the process whose waiting counts (default: this one).

    `canary_rounds` sizes the canary; with `canary_first` one runs before the window as well.
    """

    def __init__(self, pid: int = 0, *, canary_rounds: int = CANARY_ROUNDS, canary_first: bool = False) -> None:
        self.pid, self.canary_rounds = pid or os.getpid(), canary_rounds
        self._canary = run_canary(canary_rounds) if canary_first else None
        self._began = time.monotonic()
        self._before = self._counters()
        self._sched = proc.schedstat(self.pid)

    def _counters(self) -> tuple[list[int], float | None, float]:
        return _cpu_times(), _pressure_s(), _throttled_s()

    def read(self) -> NoiseReading:
        """Return what happened since it was opened, and a fresh canary."""
        seconds = time.monotonic() - self._began
        (times, pressure, throttled), (times0, pressure0, throttled0) = self._counters(), self._before
        spent = [after - before for before, after in zip(times0, times, strict=True)]
        total = max(1, sum(spent[:8]))
        some = (pressure - pressure0) / max(seconds, 1e-9) if pressure is not None and pressure0 is not None else None
        return NoiseReading(
            seconds,
            proc.schedstat(self.pid).delay_since(self._sched),
            spent[7] / total,
            1 - (spent[3] + spent[4]) / total,
            some,
            throttled - throttled0,
            run_canary(self.canary_rounds),
            self._canary,
        )


class ThreadWait:
    """Nanoseconds for which the calling thread was ready but had no core; one reading costs about 10 us.

    The file stays open, so that it can be read right beside a timing of a millisecond: read far from it, run delay
    says nothing of that timing (rank correlation 0.03 to 0.35 instead of 0.98). It belongs to the thread that opened
    it. Where the kernel keeps no such account every reading is 0.
    """

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._file = -1

    def read_ns(self) -> int:
        """Return what the thread has waited so far."""
        return int(os.pread(self._file, 96, 0).split()[1]) if self._file >= 0 else 0

    def close(self) -> None:
        """Close the file; reading is over."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _cpu_times() -> list[int]:
    """User, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice, in ticks over all cores."""
    fields = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (fields + [0] * 10)[:10]


def _pressure_s() -> float | None:
    try:
        line = PRESSURE.read_text().splitlines()[0]
    except OSError:
        return None  # a kernel without PSI, or a container that hides it: reported as not available
    return int(line.rpartition("total=")[2]) / 1e6


def _throttled_s() -> float:
    """Seconds for which the cgroup's CPU quota stopped this process's group; 0 where there is no quota."""
    path = cgroup_file("cpu.stat")
    if path is None:
        return 0.0
    values = dict(line.split() for line in path.read_text().splitlines())
    return int(values.get("throttled_usec", 0)) / 1e6


def cgroup_file(name: str) -> Path | None:
    """Return a file of this process's cgroup (version 2), or None where there is none."""
    group = next(
        (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), None
    )
    path = Path(f"/sys/fs/cgroup{group or ''}") / name
    return path if group is not None and path.is_file() else None
