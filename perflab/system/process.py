"""One process of the system: started in its own group, watched, and always stopped."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.errors import SystemFailure

PR_SET_PDEATHSIG = 1
LOG_TAIL_LINES = 8
PASSES = 10  # over processes that start threads and children while they are moved


def child_setup(cores: tuple[int, ...]) -> Callable[[], None]:
    """Return what a child does before it becomes the program: die with its parent, and stay on its cores, if any.

    The death signal is bound to the thread that forks, so processes must be started from a thread that lives on.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def setup() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        if cores:
            os.sched_setaffinity(0, cores)

    return setup


@dataclass
class ManagedProcess:
    """A started process; `log_path` holds its output."""

    name: str
    role: str
    popen: subprocess.Popen[bytes]
    log_path: Path
    stop_timeout_s: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self.popen.pid

    def stay_on(self, cores: tuple[int, ...]) -> None:
        """Move the process and its descendants to `cores`, every thread; what they start later stays there too.

        Repeated until nothing had to be moved: a thread or a child that was started meanwhile has the old cores.
        """
        for _ in range(PASSES):
            if not any([_moved(thread, set(cores)) for pid in self.family() for thread in _threads(pid)]):
                return

    def family(self) -> list[int]:
        """Return the process id and those of all living descendants."""
        import psutil

        try:
            return [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def log_tail(self) -> str:
        """Return the last lines of its output, joined with ' | '."""
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        return " | ".join(line.strip() for line in lines[-LOG_TAIL_LINES:]) or "it printed nothing"

    def check_alive(self) -> None:
        """Raise SystemFailure with the last log lines when it has ended."""
        code = self.popen.poll()
        if code is not None:
            raise SystemFailure(
                f"Process {self.name} ended with {exit_text(code)}",
                "",
                f"Its last lines ({self.log_path}): {self.log_tail()}",
            )

    def stop(self) -> int:
        """Ask it to end, kill its group when it does not in time or the wait is interrupted; return the exit code."""
        try:
            if self.popen.poll() is None:
                self.popen.send_signal(self.stop_signal)
                # What does not end in time is killed with its group below.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.popen.wait(self.stop_timeout_s)
        finally:
            self.kill()
        return self.popen.wait()

    def kill(self) -> None:
        """Kill whatever is left of its process group."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _moved(thread: int, cores: set[int]) -> bool:
    """Move a thread, and return whether it was elsewhere; one that ended, or is another user's, is left alone."""
    try:
        if os.sched_getaffinity(thread) == cores:
            return False
        os.sched_setaffinity(thread, cores)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def exit_text(code: int) -> str:
    """Say an exit code in words: a negative one is the signal that ended the process."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def start_process(
    name: str,
    role: str,
    argv: list[str],
    *,
    env: dict[str, str],
    cwd: Path,
    log_path: Path,
    cores: tuple[int, ...],
    stop_timeout_s: float = 10.0,
    stop_signal: signal.Signals = signal.SIGTERM,
    user: dict[str, Any] | None = None,
) -> ManagedProcess:
    """Start a process in its own group and session, output to `log_path`; raises SystemFailure when it cannot start.

    `user` holds the options of `subprocess` that make it another user; they take effect before the death signal is
    set, which a change of user would clear.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        try:
            popen = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=child_setup(cores),
                **(user or {}),
            )
        except OSError as error:
            raise SystemFailure(
                f"Process {name} cannot be started: {error.strerror}: {argv[0] if cwd.is_dir() else cwd}",
                "",
                "Correct its command in the system's TOML file",
            ) from None
    return ManagedProcess(name, role, popen, log_path, stop_timeout_s, stop_signal)


def wait_for(probe: Callable[[], bool], process: ManagedProcess, timeout_s: float, what: str) -> None:
    """Poll `probe` every 50 ms until it is true; raises SystemFailure when the process ends or time is up.

    One that has ended is not ready, whoever else answers at its port.
    """
    deadline = time.monotonic() + timeout_s
    while not probe():
        process.check_alive()
        if time.monotonic() > deadline:
            raise SystemFailure(
                f"Process {process.name} was not ready after {timeout_s:g} s ({what})",
                "",
                f"Its last lines ({process.log_path}): {process.log_tail()}",
            )
        time.sleep(0.05)
    process.check_alive()
