"""Load processes as their parent sees them: one process group, started early, released by GO, always ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import perflab
from perflab.errors import LoadFailure, UsageError
from perflab.load.plan import PLAN_ENV, LoadPlan

GO_FILE, READY_FILE, LOG_FILE, PLAN_FILE = "load.go.json", "load.{role}.ready", "load.log", "load.plan.json"
HOOKS = Path(__file__).parent / "entry" / "perflab_hooks.py"
READY_TIMEOUT_S = 150.0  # a load file may have to fetch what it plays
JOIN_TIMEOUT_S = 600.0  # workers on other machines are started by hand, once the master stands
LEAD_NS = 150_000_000  # from GO to the clock's zero: time to spawn the seats
TAIL_LINES = 6


class LoadGroup:
    """One load's processes: a single one, or a master and its workers on the loopback."""

    def __init__(self, plan: LoadPlan, load_file: Path, cores: tuple[int, ...]) -> None:
        check_plan(plan)
        if not load_file.is_file():
            raise UsageError(f"No load file at {load_file}", "a system's [load] names its locust file")
        self.folder = Path(plan.out_dir)
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("load.*"):
            old.unlink()
        self.plan, self._load_file, self._cores = plan, load_file.resolve(), cores
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._plan_path = self.folder / PLAN_FILE
        plan.save(self._plan_path)
        try:
            for index, (role, arguments) in enumerate(_roles(plan).items()):
                self._start(role, arguments, index)
        except BaseException:
            self.kill()
            raise

    def _start(self, role: str, arguments: list[str], index: int) -> None:
        command = [
            sys.executable, "-m", "perflab.load.entry", "-f", f"{HOOKS},{self._load_file}", "--headless",
            "--only-summary", "--exit-code-on-error", "0", "--stop-timeout", "0", *arguments,
            *(name for name, weight in self.plan.users.items() if weight > 0),
        ]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")} | {
            PLAN_ENV: str(self._plan_path.resolve()), "PERFLAB_LOAD_ROLE": role, "PYTHONUNBUFFERED": "1",
            "GEVENT_RESOLVER": "block",  # its threads would cost the pacer milliseconds; addresses are looked up once
            "PERFLAB_LOAD_PARENT": str(os.getpid()),
            "PYTHONPATH": os.pathsep.join(filter(None, [_package_root(), os.environ.get("PYTHONPATH", "")])),
        }  # fmt: skip
        leader = next((process.pid for process in self.processes.values() if process.poll() is None), 0)
        with (self.folder / LOG_FILE).open("ab") as log:
            self.processes[role] = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=leader,
            )  # fmt: skip

    def wait_ready(self, timeout_s: float = 0.0) -> None:
        """Wait until every process has read its files and stands before GO; raises LoadFailure.

        A master stands there once all its workers do, those on other machines too.
        """
        timeout_s = timeout_s or (JOIN_TIMEOUT_S if self.plan.remote_workers else READY_TIMEOUT_S)
        deadline = time.monotonic() + timeout_s
        for role in self.processes:
            while not (self.folder / READY_FILE.format(role=role)).exists():
                # A master waits for its workers: whichever has ended, nothing comes any more.
                if gone := next((name for name, process in self.processes.items() if process.poll() is not None), ""):
                    raise LoadFailure(f"The load process {gone} ended before it was ready", "", self.last_lines())
                if time.monotonic() > deadline:
                    raise LoadFailure(
                        f"The load process {role} was not ready in {timeout_s:g} s", "", self.last_lines()
                    )
                time.sleep(0.02)

    def go(self, endpoints: Mapping[str, str] | None = None) -> int:
        """Release the load; returns its clock's zero (CLOCK_MONOTONIC ns), from which all its times count."""
        self.wait_ready()
        self._pin()
        self.plan = replace(self.plan, endpoints={**self.plan.endpoints, **(endpoints or {})})
        go_ns = time.monotonic_ns() + LEAD_NS
        temporary = self.folder / "load.go.tmp"
        temporary.write_text(json.dumps({"go_ns": go_ns, "endpoints": self.plan.endpoints}), encoding="utf-8")
        temporary.rename(self.folder / GO_FILE)
        return go_ns

    def _pin(self) -> None:
        """Move every process to its cores: they start on all, which is sooner, and run on their own."""
        for index, (role, process) in enumerate(self.processes.items()):
            one = len(self._cores) >= 2 and role != "worker0"
            cores = (self._cores[index % len(self._cores)],) if one else self._cores
            for thread in Path(f"/proc/{process.pid}/task").iterdir() if cores else ():
                with contextlib.suppress(ProcessLookupError):  # it ended between listing and moving
                    os.sched_setaffinity(int(thread.name), cores)

    @property
    def running(self) -> bool:
        """Whether any process of the load is alive."""
        return any(process.poll() is None for process in self.processes.values())

    @property
    def returncodes(self) -> dict[str, int | None]:
        """The exit codes by role; None while running."""
        return {role: process.poll() for role, process in self.processes.items()}

    def interrupt(self, patience_s: float = 5.0) -> None:
        """Ask the load to end now and write what it has, then make sure."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        self.wait(patience_s)
        self.kill()

    def wait(self, seconds: float) -> None:
        """Return once every process has ended, or after `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            running = next((process for process in self.processes.values() if process.poll() is None), None)
            if running is None:
                return
            _sleep_until_end(running.pid, left)

    def kill(self) -> None:
        """End every process of the group at once; safe to call at any time, also twice."""
        for process in self.processes.values():
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
                    process.kill()
        for process in self.processes.values():
            process.wait()

    def last_lines(self) -> str:
        """Return where the log is and its last lines that say something."""
        path = self.folder / LOG_FILE
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith("load: ")] or lines
        return f"Its last lines ({path}): " + (" | ".join(telling[-TAIL_LINES:])[-900:] or "it printed nothing")


def _sleep_until_end(pid: int, seconds: float) -> None:
    """Sleep until a child ends: whoever looked again and again would take the core from the loads that run on it."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3, or a sandbox that forbids it
        time.sleep(min(seconds, 0.02))
        return
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        ended.poll(1000 * seconds)
    finally:
        os.close(handle)


def check_plan(plan: LoadPlan) -> None:
    """Raise UsageError, in one line, for a plan that cannot be run."""
    faults = (
        (plan.duration_s <= 0, f"duration_s = {plan.duration_s:g}: must be above 0"),
        (not any(weight > 0 for weight in plan.users.values()), "users: needs one user class with a weight above 0"),
        (plan.users.get(plan.primary, 0) <= 0, f"primary = {plan.primary!r}: must be one of users, weight above 0"),
        (not plan.steps and plan.arrivals_per_s <= 0, "needs steps (closed load) or arrivals_per_s (open load)"),
        (plan.arrivals_per_s < 0, f"arrivals_per_s = {plan.arrivals_per_s:g}: must not be negative"),
        (any(users < 0 or at < 0 for at, users in plan.steps), "steps: neither times nor users may be negative"),
        ([at for at, _ in plan.steps] != sorted({at for at, _ in plan.steps}), "steps: times must rise"),
        (plan.workers < (0 if plan.remote_workers else 1), f"workers = {plan.workers}: must be at least 1"),
        (plan.drain_s < 0, f"drain_s = {plan.drain_s:g}: must not be negative"),
        (bool(plan.master) and not _is_address(plan.master), f"master = {plan.master!r}: must be HOST:PORT"),
    )
    for wrong, text in faults:
        if wrong:
            raise UsageError(f"Load plan {plan.name!r}: {text}")


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 2**16


def _roles(plan: LoadPlan) -> dict[str, list[str]]:
    """Return each process's role and its locust arguments."""
    if plan.master:
        host, _, port = plan.master.rpartition(":")
        return {f"worker{i}": ["--worker", "--master-host", host, "--master-port", port] for i in range(plan.workers)}
    if plan.workers + plan.remote_workers == 1 and not plan.remote_workers:
        return {"worker0": []}
    host, _, port = plan.bind.partition(":")
    port = port or str(free_port(host))
    master = ["--master", "--master-bind-host", host, "--master-bind-port", port,
              "--expect-workers", str(plan.workers + plan.remote_workers)]  # fmt: skip
    worker = ["--worker", "--master-host", "127.0.0.1" if host == "0.0.0.0" else host, "--master-port", port]
    return {"master": master} | {f"worker{i}": worker for i in range(plan.workers)}


def free_port(host: str) -> int:
    """Return a port that is free on `host` now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _package_root() -> str:
    return str(Path(perflab.__file__).parent.parent)
