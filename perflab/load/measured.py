"""Locust users that keep to the plan's slots and leave rows: what a system's load file builds on.

A load file defines subclasses; the plan names them. Everything else (logs, GO, drain, end) is done by the hooks.
"""

from __future__ import annotations

import random
import time
import traceback

import gevent
from locust import User, task

from perflab.load.arrivals import Arrival
from perflab.load.generator import Generator, current
from perflab.load.slots import NS, Slot
from perflab.load.unit_rows import Unit

PARKED_S = 3600.0


class MeasuredUser(User):
    """A user with a slot; subclasses define `live`, and `arrive` when they also serve open arrivals."""

    abstract = True

    @classmethod
    def prepare(cls) -> None:
        """Do what takes long (reading data) before the load stands ready; called once per process."""

    @task
    def _take_part(self) -> None:
        self.generator.started.wait()
        slot = self.generator.take_slot(type(self).__name__)
        if slot is not None:
            self.wait_until(self.generator.at_ns(slot.start_s))
            try:
                self.live(slot)
            except Exception as error:  # a fault in the load file: locust would run the task again, and again
                traceback.print_exc()
                self.generator.fail(f"{type(self).__name__} {slot.number} raised {type(error).__name__}: {error}")
            self.generator.leave()
        while True:  # a user that ended would be replaced by locust
            gevent.sleep(PARKED_S)

    @property
    def generator(self) -> Generator:
        """This process's generator: plan, clock, pacer, units."""
        return current()

    def live(self, slot: Slot) -> None:
        """Do what the user does until `slot.end_s`; a unit under way then may finish, none may begin."""
        raise NotImplementedError

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        """Do one unit of work for an open arrival and return its outcome."""
        raise NotImplementedError

    def stream(self, *key: object) -> random.Random:
        """Return a random stream keyed by the plan's seed, the class and `key`: the same in every arm."""
        return random.Random(":".join(map(str, (self.generator.plan.seed, type(self).__name__, *key))))

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def wait_until(self, due_ns: int) -> bool:
        """Sleep until an absolute moment; count how late the wake-up was, and return whether there was a wait.

        Being late already is not counted: then the user was busy, and what held it up was the system.
        """
        left = due_ns - time.monotonic_ns()
        if left <= 0:
            return False
        gevent.sleep(left / 1e9)
        self.generator.lateness.record(max(time.monotonic_ns() - due_ns, 0))
        return True


class PacedUser(MeasuredUser):
    """A user that begins a unit of work every ``1 / rate_per_s`` seconds, on absolute deadlines.

    A unit that overruns delays the next ones, but their rows count from when they were due: the waiting that a
    stalled system causes shows in the latencies instead of vanishing (no coordinated omission).
    """

    abstract = True
    rate_per_s = 1.0

    def live(self, slot: Slot) -> None:
        """Run units until the slot ends."""
        period_ns = round(NS / self.rate_per_s)
        due_ns = self.generator.at_ns(slot.start_s)
        end_ns, seq = self.generator.at_ns(slot.end_s), 0
        most = self.generator.units_per_user
        while due_ns < end_ns and not (most and seq >= most):
            self.wait_until(due_ns)
            seq += 1
            self.unit(slot.number, seq, due_ns)
            due_ns += period_ns

    def unit(self, user: int, seq: int, due_ns: int) -> None:
        """Do one unit of work, due at `due_ns`, and leave its row."""
        raise NotImplementedError
