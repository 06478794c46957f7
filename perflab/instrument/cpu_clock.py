"""The CPU time of another process, to the nanosecond."""

from __future__ import annotations

import time

from perflab.instrument import proc

_CPUCLOCK_SCHED = 2
_READINGS = 3  # of processes that come and go while they are read


def process_cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used, all its threads counted, ended ones too, children not.

    Reads the POSIX CPU-time clock of the process (clock_getcpuclockid(3): the id is the inverted pid shifted by
    three, with the scheduler clock in the low bits), which the kernel keeps in nanoseconds. /proc/PID/stat counts
    in ticks of 10 ms: a trial that uses 0.2 s of CPU would be off by up to 5 % there. Linux only; raises
    ProcessLookupError when the process has ended.
    """
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error


def tree_cpu_s(pid: int) -> float:
    """Return the CPU seconds so far of a process and all that it started: living, ended, and awaited by it.

    Living processes by their own clocks, in nanoseconds; awaited ones by cutime and cstime in ticks of 10 ms, which
    moves nothing between two readings where none ended. A child that ends between two readings changes from the one
    to the other, so that a difference holds all of its time. What nobody waits for (SIGCHLD ignored, a daemon that
    left its parent) no reading has. Raises ProcessLookupError when the process itself has ended.
    """
    for _ in range(_READINGS):
        family = [pid, *proc.descendants(pid)]
        total = process_cpu_s(pid) + _awaited(pid) + sum(living_cpu_s(child) + _awaited(child) for child in family[1:])
        if [pid, *proc.descendants(pid)] == family:
            break  # else one began or ended meanwhile and was counted twice, or not at all
    return total


def living_cpu_s(pid: int) -> float:
    """Return `process_cpu_s`, or 0 for a process that has ended."""
    try:
        return process_cpu_s(pid)
    except ProcessLookupError:
        return 0.0


def _awaited(pid: int) -> float:
    seen = proc.stat(pid)
    return seen.children_cpu_s if seen else 0.0
