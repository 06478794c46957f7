"""One trial of a piece of work, timed: calls in this process, or commands in processes of their own."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from perflab.errors import UsageError
from perflab.instrument.noise import ThreadWait
from perflab.system.process import child_setup

Work = Callable[[], object] | Sequence[str]  # a function without arguments, or the words of a command
COMMAND_LIMIT_S = 60.0


class TimedTrial(NamedTuple):
    """`wall_ns`: one value per repetition. For the whole trial: its length, CPU time, and waiting for a core, in ns."""

    wall_ns: list[int]
    length_ns: int
    cpu_ns: int
    wait_ns: int


def time_calls(work: Callable[[], object], repetitions: int, wait: ThreadWait) -> TimedTrial:
    """Call `work` so often; CPU is that of all threads of this process, the wait that of the calling thread.

    Between repetitions only the wall clock is read, which takes no system call: kernels like to switch tasks when one
    returns, so a system call beside every repetition would draw the waiting out of the times that should show it. The
    length holds the sensors' own time too, for a part of the waiting falls there.
    """
    clock, times = time.perf_counter_ns, []
    began, waited, cpu = clock(), wait.read_ns(), time.process_time_ns()
    for _ in range(repetitions):
        start = clock()
        work()
        times.append(clock() - start)
    spent, waiting = time.process_time_ns() - cpu, wait.read_ns() - waited
    return TimedTrial(times, clock() - began, spent, waiting)


def time_commands(argv: Sequence[str], repetitions: int) -> TimedTrial:
    """Run a command so often; raises what `time_command` raises."""
    runs = [time_command(argv) for _ in range(repetitions)]
    walls = [wall for wall, _, _ in runs]
    return TimedTrial(walls, sum(walls), sum(cpu for _, cpu, _ in runs), sum(wait for _, _, wait in runs))


def time_command(argv: Sequence[str], limit_s: float = COMMAND_LIMIT_S) -> tuple[int, int, int]:
    """Return wall, CPU and waiting ns of a command from fork to exit; CPU includes its awaited children.

    Its output is discarded. The wait is read from the ended but not yet reaped process, so nothing of it is missed; of
    a program with several threads it counts the first one's. Raises UsageError when it fails or takes longer than
    `limit_s`.
    """
    began = time.perf_counter_ns()
    process = subprocess.Popen(list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=child_setup(()))  # fmt: skip
    ended = _ended(process.pid, limit_s)
    wall_ns = time.perf_counter_ns() - began
    if not ended:
        process.kill()
    wait_ns = _wait_ns(process.pid) if ended else 0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        how = f"ended with {process.returncode}" if ended else f"took longer than {limit_s:g} s"
        raise UsageError(f"The command {' '.join(argv)[:80]!r} {how}", "a timed command must succeed", "Run it by hand")
    return wall_ns, int((usage.ru_utime + usage.ru_stime) * 1e9), wait_ns


def _ended(pid: int, limit_s: float) -> bool:
    """Wait for the end without reaping."""
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(limit_s * 1e3))
    finally:
        os.close(handle)


def _wait_ns(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except FileNotFoundError:
        return 0  # a kernel without the account
