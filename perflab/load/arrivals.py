"""The open load: arrivals come when they are due, whatever the system does with those before them.

The schedule is drawn in advance from the plan's seed, so that every arm meets the same arrivals; each arrival runs
in a greenlet of its own and its row counts from the moment it was due.
"""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.load.plan import LoadPlan

if TYPE_CHECKING:
    from perflab.load.generator import Generator

ARRIVAL_NUMBERS_FROM = 1_000_000  # users of arrivals are numbered from here, above every closed user


@dataclass(frozen=True)
class Arrival:
    """One arrival; `number` is unique in the run and `due_ns` is CLOCK_MONOTONIC."""

    number: int
    due_ns: int

    @property
    def user(self) -> int:
        """The user number of its rows."""
        return ARRIVAL_NUMBERS_FROM + self.number


def poisson_schedule(plan: LoadPlan) -> list[float]:
    """Return the seconds from the start at which arrivals are due, all before `duration_s`."""
    draw, at, out = random.Random(f"{plan.seed}:arrivals"), 0.0, []
    while plan.arrivals_per_s > 0:
        at += draw.expovariate(plan.arrivals_per_s)
        if at >= plan.duration_s:
            break
        out.append(at)
    return out


def run_arrivals(generator: Generator, environment: Any) -> None:
    """Walk this process's share of the schedule; the primary user class's `arrive` is the unit of work."""
    import gevent

    arriving = environment.user_classes_by_name[generator.plan.primary]
    for number, at_s in enumerate(poisson_schedule(generator.plan)):
        if number % generator.workers != generator.index:
            continue
        arrival = Arrival(number, generator.at_ns(at_s))
        wait_ns = arrival.due_ns - time.monotonic_ns()
        if wait_ns > 0:
            gevent.sleep(wait_ns / 1e9)
        generator.lateness.record(max(time.monotonic_ns() - arrival.due_ns, 0))
        gevent.spawn(_run_one, generator, arriving(environment), arrival)


def _run_one(generator: Generator, user: Any, arrival: Arrival) -> None:
    unit = generator.units.begin(
        "arrival", type(user).__name__, user=arrival.user, seq=1, intended_ns=arrival.due_ns
    )  # fmt: skip
    unit.start_ns = time.monotonic_ns()
    try:
        unit.close(user.arrive(arrival, unit))
    except Exception as error:  # a fault in the load file
        traceback.print_exc()
        unit.close("error")
        generator.fail(f"{type(user).__name__}.arrive raised {type(error).__name__}: {error}")
