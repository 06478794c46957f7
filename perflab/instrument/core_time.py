"""What ran on some cores, whoever it was: the kernel's own account of each core."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from perflab.instrument.proc import TICK_S

STAT = Path("/proc/stat")
RAN, INTERRUPTED = slice(0, 3), slice(5, 7)  # of a core's line: user, nice, system; interrupts, soft interrupts


def cores_ran_s(cores: Iterable[int], stat: Path = STAT) -> float | None:
    """Return for how many seconds programs and the kernel for them have run on these cores since boot, all users.

    User, nice and system time; interrupts (`cores_interrupted_s`) and stolen time are left out. None where the kernel
    does not tell of one of the cores, as in some containers.
    Weakness: most kernels look at each tick who runs, so that a difference of two readings that are n ticks apart has
    a standard error of up to sqrt(n) / 2 ticks.
    """
    return _booked_s(cores, RAN, stat)


def cores_interrupted_s(cores: Iterable[int], stat: Path = STAT) -> float | None:
    """Return for how many seconds these cores have handled interrupts since boot, packets of a network above all.

    A program that sends packets over the loopback handles them in its own time. Where the kernel is built without
    CONFIG_IRQ_TIME_ACCOUNTING, the program's own clock holds that time and `cores_ran_s` does not; elsewhere neither
    does. Which of them it is, the account does not tell. None and weakness as in `cores_ran_s`.
    """
    return _booked_s(cores, INTERRUPTED, stat)


def _booked_s(cores: Iterable[int], columns: slice, stat: Path) -> float | None:
    try:
        lines = stat.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    booked = {}
    for line in lines:
        name, *ticks = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and len(ticks) >= columns.stop:
            booked[int(name[3:])] = sum(map(int, ticks[columns])) * TICK_S
    wanted = list(cores)
    return sum(booked[core] for core in wanted) if wanted and all(core in booked for core in wanted) else None
