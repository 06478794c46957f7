"""Readers of /proc: what the kernel says about a process, without a dependency and at a few microseconds each."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CAP_SYS_PTRACE = 19


class Stat(NamedTuple):
    """One line of /proc/PID/stat: `cpu_s` of its own threads, `kernel_s` of it in the kernel, `children_cpu_s` of
    awaited children, `faults` of its own threads, for which the kernel gave or fetched a page.
    """

    state: str
    parent: int
    cpu_s: float
    children_cpu_s: float
    threads: int
    start_ticks: int
    rss_bytes: int
    kernel_s: float = 0.0
    faults: int = 0


def stat(pid: int) -> Stat | None:
    """Return the process's state, CPU and memory, or None when it is gone."""
    line = _read(f"/proc/{pid}/stat")
    if line is None:
        return None
    fields = line.rpartition(b")")[2].decode("ascii").split()  # the name may hold spaces, brackets and any byte
    utime, stime, cutime, cstime = (int(value) for value in fields[11:15])
    return Stat(
        fields[0],
        int(fields[1]),
        (utime + stime) * TICK_S,
        (cutime + cstime) * TICK_S,
        int(fields[17]),
        int(fields[19]),
        int(fields[21]) * PAGE,
        stime * TICK_S,
        int(fields[7]) + int(fields[9]),
    )


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    seen = stat(pid)
    return seen is not None and seen.state not in "ZX"


def status(pid: int) -> dict[str, str]:
    """Return /proc/PID/status as a dictionary; empty when the process is gone."""
    try:
        rows = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {key: value.strip() for key, _, value in (row.partition(":") for row in rows)}


def cmdline(pid: int) -> list[str]:
    """Return the command of a process; empty when it is gone or a kernel thread."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [part.decode("utf-8", "replace") for part in raw.split(b"\0")[:-1]]


def may_trace() -> bool:
    """Whether CAP_SYS_PTRACE is effective for this process."""
    return bool(int(status(os.getpid()).get("CapEff", "0"), 16) >> CAP_SYS_PTRACE & 1)


def descendants(pid: int) -> list[int]:
    """Return the living descendants of a process, itself not included."""
    found, waiting = [], [pid]
    while waiting:
        for child in _children(waiting.pop()):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    found = (_read(f"/proc/{pid}/task/{thread}/children") for thread in _threads(pid))
    return [int(text) for line in found if line is not None for text in line.split()]


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read(path: str) -> bytes | None:
    """Return a file of /proc; None where its process or thread ended between listing and reading."""
    try:
        with open(path, "rb", buffering=0) as file:  # 19 us, of which Path.read_text makes 32: there are hundreds
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None


@dataclass(frozen=True)
class SchedStat:
    """Seconds on a core and seconds waiting for one, summed over the living threads of a process."""

    run_s: float
    wait_s: float

    def delay_since(self, before: SchedStat) -> float:
        """Return wait / (run + wait) since `before`, in 0..1; 0 when nothing ran."""
        run, wait = self.run_s - before.run_s, self.wait_s - before.wait_s
        return max(0.0, wait) / (run + wait) if run + wait > 0 else 0.0


def schedstat(pid: int) -> SchedStat:
    """Read run and run-queue-wait time of every living thread of a process (ns resolution)."""
    run = wait = 0
    for thread in _threads(pid):
        if (line := _read(f"/proc/{pid}/task/{thread}/schedstat")) is not None:
            fields = line.split()
            run, wait = run + int(fields[0]), wait + int(fields[1])
    return SchedStat(run / 1e9, wait / 1e9)


class Switches(NamedTuple):
    """Of the living threads of a process: how often they were pushed off a core, and the cores they may run on."""

    involuntary: int
    cores: frozenset[int]


def switches(pid: int) -> Switches:
    """Return what the kernel says of the places of a process's threads; none of either when it is gone."""
    pushed, cores = 0, frozenset[int]()
    for thread in _threads(pid):
        if (text := _read(f"/proc/{pid}/task/{thread}/status")) is None:
            continue
        pushed += int(text.rpartition(b"nonvoluntary_ctxt_switches:")[2].split()[0])
        with contextlib.suppress(ProcessLookupError):  # the thread ended between the two
            cores |= os.sched_getaffinity(int(thread))
    return Switches(pushed, cores)


def cpu_seconds(pid: int, children: bool = True) -> float:
    """Return CPU seconds used so far by a process and its descendants; 10 ms resolution; 0 when it is gone."""
    own = stat(pid)
    if own is None:
        return 0.0
    others = [stat(child) for child in descendants(pid)] if children else []
    return own.cpu_s + own.children_cpu_s + sum(o.cpu_s + o.children_cpu_s for o in others if o)


def open_files(pid: int) -> int:
    """Return the number of open file descriptors; 0 when the process is gone or not ours."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
