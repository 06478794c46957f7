"""Which CPU cores the system may use, and which the load generator, stand-ins and instruments."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass


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
    """Return the first allowed core for the system and the next one for everything else.

    On two cores this is the rule of honest measurement; with more cores the system still gets one, so that
    "per core" figures need no division, and the others share the rest.
    """
    allowed = sorted(os.sched_getaffinity(0))
    full = sorted(range(os.cpu_count() or 1))
    pool = full if set(allowed) <= set(full) and _may_use(full) else allowed
    return Cores((pool[0],), tuple(pool[1:]) or (pool[0],))


def _may_use(cores: list[int]) -> bool:
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
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it ended between listing and moving
            os.sched_setaffinity(int(thread), cores)
