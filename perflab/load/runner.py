"""Run a load plan with locust, always in processes of its own, and say whether the generator is to be believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.errors import LoadFailure
from perflab.load.collect import read_closing, read_lateness, reconcile
from perflab.load.honesty import GeneratorHonesty, honesty
from perflab.load.plan import LoadPlan
from perflab.load.process import JOIN_TIMEOUT_S, LOG_FILE, LoadGroup

NS = 1_000_000_000
TICK_S = 0.5
GRACE_S = 20.0  # beyond its plan's length; a load that has not ended by then hangs
OnTick = Callable[[float], None]


@dataclass(frozen=True)
class LoadResult:
    """A finished load: where its rows are, and what the generator was worth."""

    row_logs: tuple[Path, ...]
    lateness_logs: tuple[Path, ...]
    generator: GeneratorHonesty
    rows: int
    unfinished: int
    go_ns: int
    end_ns: int
    log_path: Path
    notes: dict[str, Any]


class LoadProcess:
    """A load that stands ready before GO: its start overlaps the system's, and users come only when both are up."""

    def __init__(self, plan: LoadPlan, load_file: Path, cores: tuple[int, ...]) -> None:
        self._group = LoadGroup(plan, load_file, cores)
        self._go_ns = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the load."""
        return tuple(process.pid for process in self._group.processes.values())

    def wait_ready(self) -> None:
        """Wait until it could go; `go` does so itself."""
        self._group.wait_ready()

    def go(self, endpoints: Mapping[str, str] | None = None) -> int:
        """Release the users at the endpoints; returns the moment from which the plan's seconds count."""
        self._go_ns = self._group.go(endpoints)
        return self._go_ns

    def wait(self, on_tick: OnTick | None = None, should_stop: Callable[[], bool] | None = None) -> LoadResult:
        """Wait for the end, calling `on_tick` with the seconds since GO about twice a second.

        Whatever `on_tick` raises ends the load first and then goes on; rows written so far stay. `should_stop`
        ends the load early and its result is returned. Raises LoadFailure when the load did not do its plan.
        """
        plan = self._group.plan
        limit_s = plan.longest_s + GRACE_S
        limit_s += JOIN_TIMEOUT_S if plan.master else 0.0  # its load begins when the master's workers have all come
        try:
            while self._group.running:
                elapsed = (time.monotonic_ns() - self._go_ns) / NS
                if on_tick:
                    on_tick(max(elapsed, 0.0))
                if elapsed > limit_s:
                    ended = f"The load had not ended after {elapsed:.0f} s"
                    raise LoadFailure(ended, f"its plan takes {limit_s:.0f} s", self._group.last_lines())
                if should_stop and elapsed > 0 and should_stop():
                    self._group.interrupt()
                if any(self._group.returncodes.values()):  # one has failed: the others would go on without it
                    self._group.interrupt()
                self._group.wait(TICK_S)
            return self._result()
        except BaseException:
            self._group.interrupt()
            raise

    def kill(self) -> None:
        """End the load at once; nothing happens when it has ended."""
        self._group.kill()

    def _result(self) -> LoadResult:
        group, codes = self._group, self._group.returncodes
        folder = group.folder
        logs = tuple(sorted(folder.glob("load.*.rows"), key=_index))
        closings = [closing for log in logs if (closing := read_closing(folder, _index(log)))]
        failures = [closing["failure"] for closing in closings if closing["failure"]]
        if failures:
            raise LoadFailure(f"The load gave up: {failures[0]}", "", f"What was measured before is kept in {folder}")
        if len(closings) < group.plan.workers + group.plan.remote_workers or any(codes.values()):
            ended = ", ".join(f"{role} {code}" for role, code in codes.items())
            raise LoadFailure(f"The load broke off (exit codes: {ended})", "", group.last_lines())
        for closing, log in zip(closings, logs, strict=True):
            reconcile(closing, log)
        lateness_logs = tuple(folder / f"load.{_index(log)}.lateness" for log in logs)
        return LoadResult(
            row_logs=logs, lateness_logs=lateness_logs, generator=honesty(read_lateness(lateness_logs), closings),
            rows=sum(c["rows"] for c in closings), unfinished=sum(c["unfinished"] for c in closings),
            go_ns=self._go_ns, end_ns=max(c["end_ns"] for c in closings),
            log_path=folder / LOG_FILE, notes={k: v for c in closings for k, v in c["notes"].items()},
        )  # fmt: skip


def _index(log: Path) -> int:
    return int(log.name.split(".")[1])


def start_load(plan: LoadPlan, load_file: Path, cores: tuple[int, ...] = ()) -> LoadProcess:
    """Start a plan's load processes; they import locust and the load file, then wait for `go`.

    `cores` pins them; empty leaves them where they are. Raises UsageError for a plan that cannot be run.
    """
    return LoadProcess(plan, Path(load_file), tuple(cores))


def run_load(
    plan: LoadPlan, load_file: Path, core: int | None = None, on_tick: OnTick | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LoadResult:  # fmt: skip
    """Run a plan against endpoints that it already names, from start to end."""
    load = start_load(plan, load_file, () if core is None else (core,))
    try:
        load.go()
        return load.wait(on_tick, should_stop)
    finally:
        load.kill()
