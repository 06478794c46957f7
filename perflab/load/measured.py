"""Locust users that keep to the plan's slots and leave rows: what a system's load file builds on.

A load file defines subclasses; the plan names them. Everything else (logs, GO, drain, end) is done by the hooks.
"""

from __future__ import annotations

import random
import time
import traceback

import gevent
from locust import User, task

from perflab.errors import PerflabError
from perflab.load.arrivals import Arrival
from perflab.load.generator import Generator, current
from perflab.load.pace import Pace
from perflab.load.slots import NS, Slot
from perflab.load.unit_rows import Unit

PARKED_S = 3600.0


class MeasuredUser(User):
    """A user with a slot; subclasses define `live`, and `arrive` when they also serve open arrivals.

    `live` keeps the contract of a trial: it ends at `slot.end_s`, or after `generator.units_per_user` units where that
    is above 0 (else the trials of a comparison run to their time limit with unequal work); it waits by `wait_until`,
    which is how the generator's own lateness is known; and every unit leaves a row (`generator.units.begin`, `close`).
    """

    abstract = True

    @classmethod
    def prepare(cls) -> None:
        """Do what takes long (reading data) before the load stands ready; called once per process."""

    @task
    def _take_part(self) -> None:
        self.generator.started.wait()
        slot = self.generator.take_slot(type(self).__name__)
        if slot is not None:
            begin_ns = self.generator.at_ns(slot.start_s)
            if not self.wait_until(begin_ns):  # nothing of the system's has kept it busy: the generator is late
                self.generator.lateness.record(time.monotonic_ns() - begin_ns)
            try:
                self.live(slot)
            except PerflabError as error:  # says itself what is required
                self.generator.fail(str(error))
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
        """Do what the user does until `slot.end_s`: nothing is due from then on, what is under way may finish."""
        raise NotImplementedError

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        """Do one unit of work for an open arrival, leave its row as `live` does, and return its outcome, such as "ok".

        The row of kind `arrival` that spans it all is made around it; levels are read from the units' own.
        """
        raise NotImplementedError

    def stream(self, *key: object) -> random.Random:
        """Return a random stream keyed by the plan's seed, the class and `key`: the same in every arm."""
        return random.Random(":".join(map(str, (self.generator.plan.seed, type(self).__name__, *key))))

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def wait_until(self, due_ns: int) -> bool:
        """Sleep until an absolute moment; count how late the wake-up was, and return whether there was a wait.

        Being late already is not counted: then the user was busy, and what held it up was the system. Only its slot's
        start is, before which there was nothing to do.
        """
        left = due_ns - time.monotonic_ns()
        if left <= 0:
            return False
        gevent.sleep(left / 1e9)
        self.generator.lateness.record(max(time.monotonic_ns() - due_ns, 0))
        return True


def serves_arrivals(user_class: type[MeasuredUser]) -> bool:
    """Say whether a class defines `arrive`, the unit of work of an open arrival."""
    return user_class.arrive is not MeasuredUser.arrive


class PacedUser(MeasuredUser):
    """A user that begins a unit of work every ``1 / rate_per_s`` seconds, on absolute deadlines.

    A unit that overruns delays the next ones, but their rows count from when they were due: the waiting that a
    stalled system causes shows in the latencies instead of vanishing (no coordinated omission). Units that are still
    waiting when the user's slot ends are begun as late as `drain_s` after it; those that are not begun even then leave
    a row each that was never begun, of kind `unit_kind`.
    """

    abstract = True
    rate_per_s = 1.0
    unit_kind = "request"

    def live(self, slot: Slot) -> None:
        """Run units until the slot ends and none that was due is waiting any more, or the drain is over."""
        generator, end_ns = self.generator, self.generator.at_ns(slot.end_s)
        pace = Pace(
            due_ns=generator.at_ns(slot.start_s), period_ns=round(NS / self.rate_per_s), end_ns=end_ns,
            last_ns=end_ns + round(generator.plan.drain_s * NS), most=generator.units_per_user,
            give_up=lambda seq, due_ns: self.never_begun(slot.number, seq, due_ns),
        )  # fmt: skip
        generator.paces.add(pace)
        while not pace.over:
            self.wait_until(pace.due_ns)
            if time.monotonic_ns() >= pace.last_ns:
                pace.drop(time.monotonic_ns())
            else:
                seq, due_ns = pace.take()
                self.unit(slot.number, seq, due_ns)
        generator.paces.discard(pace)

    def never_begun(self, user: int, seq: int, due_ns: int) -> None:
        """Leave the row of a unit that was due and not begun: nobody answered it."""
        row = self.generator.units.begin(
            self.unit_kind, type(self).__name__, user=user, seq=seq, intended_ns=due_ns
        )  # fmt: skip
        row.close("unfinished")

    def unit(self, user: int, seq: int, due_ns: int) -> None:
        """Do one unit of work, due at `due_ns`, and leave its row."""
        raise NotImplementedError
