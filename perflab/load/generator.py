"""The state of one load process: its plan, its clock, its logs; one per process, reached by `current()`."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gevent.event import Event

from perflab.load.lateness import LatenessLog
from perflab.load.pace import Pace
from perflab.load.pacer import Pacer
from perflab.load.plan import PLAN_ENV, LoadPlan
from perflab.load.slots import NS, Slot, slots
from perflab.load.unit_rows import Ended, Units
from perflab.wire.rowlog import RowLog

GO_FILE, READY_FILE = "load.go.json", "load.{role}.ready"
EXIT_STOPPED = 5  # the load process gave up: disk full, or a fault in the load file


class Generator:
    """What a load process knows and writes; `index` of `workers` drives every `workers`-th slot and arrival."""

    def __init__(self, plan: LoadPlan, index: int, workers: int, on_failure: Any, on_row: Ended | None = None) -> None:
        self.plan, self.index, self.workers = plan, index, workers
        self.go_ns = self.begin_ns = time.monotonic_ns()
        self.folder = Path(plan.out_dir)
        self.pacer = Pacer()
        self.failure = ""
        self._on_failure = on_failure
        self.lateness = LatenessLog(self.folder / f"load.{index}.lateness")
        self.units = Units(RowLog(self.folder / f"load.{index}.rows", worker=index), self._disk_full, on_row)
        self.notes: dict[str, Any] = {}  # what a load file wants known of the run, such as where its speech is from
        self._all_slots: dict[str, list[Slot]] = slots(plan)
        self._slots: dict[str, Iterator[Slot]] = {}
        self._staying = 0  # slots of this process whose user has not left yet
        self.paces: set[Pace] = set()  # of the users that keep to deadlines and have not ended
        self.cpu_ns = 0
        self._closed = False
        self.started = Event()  # users wait for it: a worker can be told to spawn before it has read GO

    def begin(self, go_ns: int, endpoints: dict[str, str]) -> None:
        """Set the clock's zero and the system's addresses; what was allocated so far leaves the garbage collector."""
        self.go_ns = go_ns
        self.plan = replace(self.plan, endpoints={**self.plan.endpoints, **endpoints})
        own = {name: every[self.index :: self.workers] for name, every in self._all_slots.items()}
        self._slots = {name: iter(every) for name, every in own.items()}
        self._staying = sum(map(len, own.values()))
        self.cpu_ns, self.begin_ns = time.process_time_ns(), time.monotonic_ns()
        gc.collect()
        gc.freeze()  # a full collection would stop every stream for milliseconds
        gc.set_threshold(50_000, 50, 100)
        self.started.set()

    def take_slot(self, name: str) -> Slot | None:
        """Return the next slot of a user class that is this process's to run, or None."""
        return next(self._slots.get(name, iter(())), None)

    def leave(self) -> None:
        """Note that a user has left its slot: when all have and nothing is open, the load is over before its time."""
        self._staying -= 1

    @property
    def units_per_user(self) -> int:
        """How many units each user does before it leaves; 0 = as many as fit into its slot."""
        return int(self.plan.options.get("units_per_user", 0))

    def slots_of(self, name: str) -> list[Slot]:
        """Return all slots of a user class, those of other processes too."""
        return self._all_slots.get(name, [])

    def at_ns(self, seconds: float) -> int:
        """Return the moment so many seconds after the load began."""
        return self.go_ns + round(seconds * NS)

    @property
    def end_ns(self) -> int:
        """From when on nothing is due any more."""
        return self.at_ns(self.plan.duration_s)

    @property
    def finished(self) -> bool:
        """Whether all work is done, or time is up and every unit that was due has ended, or the drain is over."""
        now = time.monotonic_ns()
        waiting = bool(self.units.open) or not all(pace.over for pace in self.paces)
        closed = self.units_per_user and not self.plan.arrivals_per_s  # to an open load users come until its end
        if closed and self.started.is_set() and self._staying <= 0 and not waiting:
            return True
        return now >= self.end_ns and (not waiting or now >= self.end_ns + self.plan.drain_s * NS)

    def roll(self) -> None:
        """Write what came together in the last second."""
        self.units.flush()
        try:
            if not self.failure:
                self.lateness.roll()
        except OSError as error:
            self._disk_full(error)

    def _disk_full(self, error: OSError) -> None:
        self.fail(f"{error.strerror or error} while writing samples to {self.folder}")

    def fail(self, reason: str) -> None:
        """Stop the load for a reason that makes its figures worthless; the rows so far are kept."""
        if not self.failure:
            self.failure = reason
            print(f"load: {reason}", file=sys.stderr, flush=True)
            self._on_failure()

    def _end_waiting(self) -> None:
        """Leave the rows of units that were due and never begun."""
        now = time.monotonic_ns()
        try:
            for pace in () if self.failure else tuple(self.paces):
                pace.drop(now)
        except Exception as error:  # a fault in the load file, which names the rows
            self.fail(f"the row of a unit that was never begun raised {type(error).__name__}: {error}")

    def close(self) -> None:
        """End open units and those never begun, close the logs and write the closing record; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._end_waiting()
        self.units.close()
        try:
            self.lateness.close()
            asked, sent, blocked, lost = self.lateness.totals
            record = {
                "worker": self.index, "rows": self.units.rows, "unfinished": self.units.unfinished, "asked": asked,
                "sent": sent, "blocked": blocked, "lost": lost, "begin_ns": self.begin_ns,
                "end_ns": time.monotonic_ns(), "cpu_s": (time.process_time_ns() - self.cpu_ns) / NS,
                "go_ns": self.go_ns, "failure": self.failure, "notes": self.notes,
            }  # fmt: skip
            (self.folder / f"load.{self.index}.done.json").write_text(json.dumps(record), encoding="utf-8")
        except OSError as error:
            self._disk_full(error)


_current: Generator | None = None


def current() -> Generator:
    """Return this process's generator; load files call it inside their users."""
    if _current is None:
        raise RuntimeError("there is no load plan in this process; start it with perflab.load.runner")
    return _current


def install(generator: Generator) -> None:
    """Make it this process's generator."""
    global _current
    _current = generator


def plan_from_environment() -> LoadPlan:
    """Return the plan that the parent wrote."""
    return LoadPlan.load(Path(os.environ[PLAN_ENV]))
