"""What ran on some cores, whoever it was: the kernel's own account of each core."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from perflab.instrument.proc import TICK_S

STAT = Path("/proc/stat")


def cores_ran_s(cores: Iterable[int], stat: Path = STAT) -> float | None:
    """Return for how many seconds programs and the kernel for them have run on these cores since boot, all users.

    User, nice and system time; interrupts, which keep no program waiting in a queue, and stolen time are left out.
    None where the kernel does not tell of one of the cores, as in some containers.
    Weakness: most kernels look at each tick who runs, so that a difference of two readings that are n ticks apart has
    a standard error of up to sqrt(n) / 2 ticks.
    """
    try:
        lines = stat.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    ran = {}
    for line in lines:
        name, *ticks = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and len(ticks) >= 3:
            ran[int(name[3:])] = sum(map(int, ticks[:3])) * TICK_S
    wanted = list(cores)
    return sum(ran[core] for core in wanted) if wanted and all(core in ran for core in wanted) else None
