"""What makes a locust process a perflab load generator; given to locust beside the system's load file.

Single process: waits for the GO file, runs the plan, writes its logs. Under a master: the master stands ready once
every worker does, deals the seats and the end; every worker drives its share and writes logs of its own. Nothing
measured passes through locust.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import locust.runners
import locust.stats
from locust import LoadTestShape, events
from locust.runners import MasterRunner, WorkerRunner

from perflab.errors import LoadFailure
from perflab.load.arrivals import run_arrivals
from perflab.load.generator import (
    EXIT_STOPPED,
    GO_FILE,
    READY_FILE,
    Generator,
    current,
    install,
    plan_from_environment,
)
from perflab.load.measured import MeasuredUser, PacedUser, serves_arrivals
from perflab.load.plan import LoadPlan
from perflab.load.seats import SeatDispatcher, exact_percentile_key, plan_over, seats_of
from perflab.load.shipping import Receiver, pieces, plan_digest
from perflab.load.slots import slots
from perflab.load.unit_rows import Unit


class _NoSources:
    """Stands where locust looks up who stops a load, for a line of its log."""

    def stack(self) -> list[Any]:
        """Refuse, which locust is prepared for: it reads and parses sources, and nothing is sent for 50 to 100 ms."""
        raise LookupError("not while frames are due")


locust.stats.bucket_response_time = exact_percentile_key  # type: ignore[assignment]
vars(locust.runners)["inspect"] = _NoSources()
ROLE_ENV = "PERFLAB_LOAD_ROLE"
ACK_TIMEOUT_S = 60.0
PREPARED_EVERY_S = 0.5  # a worker says so until it hears the start: the master may not listen yet
WAITING_EVERY_S = 10.0

_generator: Generator | None = None
_receiver: Receiver | None = None
_prepared: set[str] = set()
_drained: set[str] = set()
_go: dict[str, Any] = {}  # what the GO file says
_told: dict[str, Any] = {}  # what the master says


class PlanShape(LoadTestShape):
    """All seats until the plan is over; `seats` and `over` are set before the first tick."""

    seats = 0
    over: Callable[[], bool] = staticmethod(lambda: False)

    def tick(self) -> tuple[int, float] | None:
        """Return the number of seats, or None to end the run."""
        if type(self).over():
            return None
        return self.seats, max(float(self.seats), 1.0)


def prepare(environment: Any, runner: Any, **_: Any) -> None:
    """Get ready, say so, and wait for GO, all before locust starts anything."""
    global _generator
    plan = plan_from_environment()
    counts = {name: len(every) for name, every in slots(plan).items()}
    _set_seats(environment, runner, counts)
    if not isinstance(runner, MasterRunner):
        index, workers = _place(runner, plan)
        _generator = Generator(plan, index, workers, lambda: _give_up(environment, runner), _reporter(environment))
        install(_generator)
        _prepare_users(environment)
    _register(runner, plan)
    # Locust installs its own handler only once a shape has ended.
    gevent.signal_handler(signal.SIGTERM, _terminate, runner)
    if isinstance(runner, MasterRunner):
        _await_workers(runner, plan.workers + plan.remote_workers)
    elif isinstance(runner, WorkerRunner):
        gevent.spawn(_say_prepared, runner)
    role = os.environ.get(ROLE_ENV, "worker0")
    (Path(plan.out_dir) / READY_FILE.format(role=role)).write_text(str(os.getpid()), encoding="utf-8")
    _go.update(_wait_for_go(Path(plan.out_dir) / GO_FILE))
    if _generator:
        _begin()
        gevent.spawn(_watch, runner, plan)
        PlanShape.over = staticmethod(lambda: _generator is not None and _generator.finished)
    else:
        PlanShape.over = staticmethod(plan_over(_go["go_ns"], plan.longest_s))


def _prepare_users(environment: Any) -> None:
    for user_class in environment.user_classes:
        if not issubclass(user_class, MeasuredUser):
            print(f"load: {user_class.__name__} must derive from perflab.load.measured.MeasuredUser", file=sys.stderr)
            sys.exit(1)
        try:
            user_class.prepare()
        except Exception as error:
            print(f"load: {user_class.__name__}.prepare: {type(error).__name__}: {error}", file=sys.stderr)
            raise
        if issubclass(user_class, PacedUser):  # for the findings: such a user does not slow down with the system
            current().notes.setdefault("paced", []).append(user_class.__name__)
    serving = [each.__name__ for each in environment.user_classes if serves_arrivals(each)]
    current().notes["arrives"] = serving  # whether open arrivals can be sent: none ask a class without


def _set_seats(environment: Any, runner: Any, counts: dict[str, int]) -> None:
    PlanShape.seats = sum(counts.values())
    SeatDispatcher.share = staticmethod(seats_of(counts))
    SeatDispatcher.index_of = staticmethod(getattr(runner, "get_worker_index", lambda _id: 0))
    environment.dispatcher_class = SeatDispatcher


def _place(runner: Any, plan: LoadPlan) -> tuple[int, int]:
    """Return this worker's index and how many there are; a worker of a master elsewhere hears the number later."""
    if not isinstance(runner, WorkerRunner):
        return 0, 1
    deadline = time.monotonic() + ACK_TIMEOUT_S
    while runner.worker_index < 0 and time.monotonic() < deadline:
        gevent.sleep(0.02)
    return max(runner.worker_index, 0), plan.workers + plan.remote_workers


def _await_workers(runner: Any, count: int) -> None:
    """Wait until every worker has prepared itself: one that comes after GO would begin late what was due before."""
    waiting_since = time.monotonic()
    while (ready := len(_prepared & {node.id for node in runner.clients.ready})) < count:
        gevent.sleep(0.02)
        if time.monotonic() - waiting_since >= WAITING_EVERY_S:
            print(f"load: {ready} of {count} workers are ready", file=sys.stderr, flush=True)
            waiting_since = time.monotonic()


def _say_prepared(runner: Any) -> None:
    while not _told:
        runner.send_message("perflab_prepared", {})
        gevent.sleep(PREPARED_EVERY_S)


def _register(runner: Any, plan: LoadPlan) -> None:
    if isinstance(runner, MasterRunner):
        runner.register_message("perflab_prepared", lambda environment, msg, **_: _prepared.add(msg.node_id))
        runner.register_message("perflab_drained", lambda environment, msg, **_: _worker_drained(runner, msg))
        runner.register_message("perflab_log", lambda environment, msg, **_: _take_log(runner, plan, msg))
    elif isinstance(runner, WorkerRunner):
        runner.register_message("perflab_start", lambda environment, msg, **_: _hear_master(msg.data))


def tell_workers(environment: Any, **_: Any) -> None:
    """Tell every worker how many there are and how long ago the load began: another machine's clock differs."""
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        workers = len(runner.clients.ready) + len(runner.clients.running) + len(runner.clients.spawning)
        told = {"workers": workers, "plan": plan_digest(plan_from_environment()), "endpoints": _go["endpoints"]}
        runner.send_message("perflab_start", told | {"since_go_ns": time.monotonic_ns() - _go["go_ns"]})


def _hear_master(told: dict[str, Any]) -> None:
    _told.update(told, heard_ns=time.monotonic_ns())
    assert _generator is not None
    if told["plan"] != plan_digest(_generator.plan):
        _generator.fail("the master's load is another one: give users, seconds, conditions and system alike on both")
    else:
        _begin()


def _begin() -> None:
    """Start the clock once GO has come and, where a master deals the slots, its word too; the order is open."""
    assert _generator is not None
    plan = _generator.plan
    distributed = bool(plan.master) or plan.workers + plan.remote_workers > 1
    if not _go or (distributed and not _told):
        return
    _generator.workers = _told.get("workers", 1)
    go_ns = _told["heard_ns"] - _told["since_go_ns"] if plan.master else _go["go_ns"]
    _generator.begin(go_ns, _told["endpoints"] if plan.master else _go["endpoints"])


def _wait_for_go(path: Path) -> dict[str, Any]:
    while not path.exists():
        gevent.sleep(0.02)
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def _watch(runner: Any, plan: LoadPlan) -> None:
    """Walk the arrivals, write once a second, and end the run as soon as everything has drained."""
    assert _generator is not None
    _generator.started.wait()
    if plan.arrivals_per_s > 0:
        gevent.spawn(run_arrivals, _generator, runner.environment)
    rolled = time.monotonic()
    while not _generator.finished:
        gevent.sleep(0.05)
        if time.monotonic() - rolled >= 1.0:
            _generator.roll()
            rolled += 1.0
    _generator.lateness.miss(_generator.pacer.stop())
    if isinstance(runner, WorkerRunner):
        if plan.master:
            _generator.close()
            for piece in pieces(Path(plan.out_dir), _generator.index):
                runner.send_message("perflab_log", piece)
        runner.send_message("perflab_drained", {"index": _generator.index})
    else:
        runner.quit()


def _take_log(runner: Any, plan: LoadPlan, msg: Any) -> None:
    """Take a piece of a remote worker's log; one that cannot be taken ends the load with one line.

    Whatever a handler raises, locust logs with a traceback and goes on.
    """
    global _receiver
    if runner.environment.process_exit_code == EXIT_STOPPED:
        return  # the load is ending for a piece before this one
    _receiver = _receiver or Receiver(Path(plan.out_dir), _go["go_ns"])
    try:
        _receiver.take(runner.get_worker_index(msg.node_id), msg.data)
    except LoadFailure as error:
        print(f"load: {error}", file=sys.stderr)
        _give_up(runner.environment, runner)


def _worker_drained(runner: Any, msg: Any) -> None:
    _drained.add(msg.node_id)
    if len(_drained) >= len(runner.clients.all):
        gevent.spawn(runner.quit)


def _reporter(environment: Any) -> Any:
    """Return what shows each row to locust's own table, which is a view and never a source."""

    def report(unit: Unit) -> None:
        first = unit.first_ns or unit.end_ns
        error = None if unit.outcome in ("ok", "interrupted") else RuntimeError(unit.outcome)
        environment.events.request.fire(
            request_type=unit.kind, name=unit.name, response_time=(first - unit.intended_ns) / 1e6,
            response_length=unit.bytes_down, exception=error, context={},
        )  # fmt: skip

    return report


def _terminate(runner: Any) -> None:
    """End as at the plan's end: open units become unfinished rows, and the logs are closed."""
    if _go:
        gevent.spawn(runner.quit)
        return
    if _generator:
        _generator.close()
    os._exit(128 + signal.SIGTERM)


def _give_up(environment: Any, runner: Any) -> None:
    environment.process_exit_code = EXIT_STOPPED
    gevent.spawn(runner.quit)


def finish(environment: Any, **_: Any) -> None:
    """Close the logs whatever ended the run."""
    if _generator:
        _generator.close()


events.init.add_listener(prepare)  # type: ignore[no-untyped-call]
events.test_start.add_listener(tell_workers)  # type: ignore[no-untyped-call]
events.quitting.add_listener(finish)  # type: ignore[no-untyped-call]
