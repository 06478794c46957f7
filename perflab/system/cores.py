"""Which CPU cores the system may use, and which the load generator, stand-ins and instruments."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

GIVEN = "PERFLAB_CORES"  # in the environment: the cores of the first perflab process, such as 0,1


@dataclass(frozen=True)
class Cores:
    """Disjoint sets of cores; equal sets where the machine has a single core (which trust checks then say)."""

    system: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether system and generator run on the same core."""
        return bool(set(self.system) & set(self.others))


def default_cores() -> Cores:
    """Return the first core of those that were given for the system and the next one for everything else.

    On two cores this is the rule of honest measurement; with more cores the system still gets one, so that
    "per core" figures need no division, and the others share the rest.
    """
    pool = given_cores()
    return Cores((pool[0],), pool[1:] or (pool[0],))


def given_cores() -> tuple[int, ...]:
    """Return the cores with which the first perflab process was started: all, or those of a user's own taskset.

    It is remembered for the children in the environment, because a process that stays on some cores hands only those
    on. Where they may no longer be used, the cores of this process.
    """
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    given = tuple(sorted({int(core) for core in os.environ.get(GIVEN, "").split(",") if core.isdecimal()}))
    if set(allowed) <= set(given) and _may_use(given):
        return given
    os.environ[GIVEN] = ",".join(map(str, allowed))  # the first of its kind, or what is remembered holds no more
    return allowed


@lru_cache
def _may_use(cores: tuple[int, ...]) -> bool:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, cores)
        return os.sched_getaffinity(0) == set(cores)
    except OSError:
        return False
    finally:
        os.sched_setaffinity(0, before)


def stay_on(cores: tuple[int, ...]) -> None:
    """Move every thread of this process to `cores`: whoever measures must not run where the system runs."""
    given_cores()  # remembers them
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it ended between listing and moving
            os.sched_setaffinity(int(thread), cores)


@contextlib.contextmanager
def staying_on(cores: tuple[int, ...]) -> Iterator[None]:
    """Keep every thread of this process on `cores` for a while, then on those where the caller's thread was before."""
    before = tuple(sorted(os.sched_getaffinity(0)))
    stay_on(cores)
    try:
        yield
    finally:
        stay_on(before)
