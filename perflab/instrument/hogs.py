"""Bounded CPU hogs of our own: a machine made noisy on purpose, to see whether the measuring survives it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from perflab.errors import UsageError
from perflab.system.process import child_setup

PROGRAM = Path(__file__).with_name("hog.py")
MOST_PER_CORE, LONGEST_S = 4, 600.0


@contextmanager
def hogs(
    count: int, limit_s: float, *, on_s: float = 1.0, off_s: float = 0.0, cores: Sequence[int] = (), seed: int = 7
) -> Iterator[tuple[int, ...]]:
    """Run `count` CPU hogs for the length of the block and yield their process ids.

    `on_s`, `off_s`: mean seconds of the exponential busy and idle stretches; `off_s` 0 keeps them always busy.
    Stretches make the noise drift as it does on a shared machine; steady hogs only make everything evenly slower.
    `cores`: where they may run (default: wherever this process may). Every hog ends with the block, with the thread
    that started it (PR_SET_PDEATHSIG) or after `limit_s` (a kernel alarm), whichever comes first.
    Raises UsageError for more than 4 hogs per core or more than 600 s.
    """
    allowed = len(cores or os.sched_getaffinity(0))
    if not 1 <= count <= MOST_PER_CORE * allowed:
        raise UsageError(f"{count} hogs on {allowed} cores", f"between 1 and {MOST_PER_CORE} a core")
    if not 0 < limit_s <= LONGEST_S:
        raise UsageError(f"A limit of {limit_s:g} s for hogs", f"above 0 and at most {LONGEST_S:g} s")
    if on_s <= 0 or off_s < 0:
        raise UsageError(f"Stretches of {on_s:g} s busy and {off_s:g} s idle", "busy above 0, idle at least 0")
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            running.append(_start(limit_s, on_s, off_s, tuple(cores), seed + number))
        yield tuple(process.pid for process in running)
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def _start(limit_s: float, on_s: float, off_s: float, cores: tuple[int, ...], seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", str(PROGRAM), *(f"{x:g}" for x in (limit_s, on_s, off_s)), str(seed)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=child_setup(cores))
