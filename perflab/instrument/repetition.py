"""One repetition of a piece of work, timed: a call in this process, or a command in a process of its own."""

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


class Repetition(NamedTuple):
    """Nanoseconds by the wall clock, on a core, and waiting for a core."""

    wall_ns: int
    cpu_ns: int
    wait_ns: int


def time_call(work: Callable[[], object], wait: ThreadWait) -> Repetition:
    """Call `work` once; CPU is that of all threads of this process, the wait that of the calling thread.

    The clocks are nested, wall innermost, so that reading the others is no part of the wall time.
    """
    waited, cpu, wall = wait.read_ns(), time.process_time_ns(), time.perf_counter_ns()
    work()
    wall_ns = time.perf_counter_ns() - wall
    return Repetition(wall_ns, time.process_time_ns() - cpu, wait.read_ns() - waited)


def time_command(argv: Sequence[str], limit_s: float = COMMAND_LIMIT_S) -> Repetition:
    """Run a command from fork to exit, output discarded; CPU includes its awaited children.

    The wait is read from the ended but not yet reaped process, so nothing of it is missed; of a program with several
    threads it counts the first one's. Raises UsageError when it fails or takes longer than `limit_s`.
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
    return Repetition(wall_ns, int((usage.ru_utime + usage.ru_stime) * 1e9), wait_ns)


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
