"""Where faults are injected: targets that are started and always collected, and a count of what was left behind."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from perflab.errors import InstrumentFailure
from perflab.instrument import proc
from perflab.instrument.interface import Target
from perflab.instrument.window import kill_group
from perflab.system.process import child_setup

MARK = "PERFLAB_FAULT"
PROGRAM = "fault_target.py"


@dataclass(frozen=True)
class Seen:
    """What an instrument said of a fault, and how many seconds after the moment at which it could be known."""

    code: str
    late_s: float
    text: str = ""


class CannotInject(Exception):
    """This machine does not let the fault be made, and why."""


@dataclass
class Yard:
    """A folder with the target's program, and the processes that were started from it."""

    folder: Path
    mark: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    @property
    def source(self) -> Path:
        """The folder of the target's own code."""
        return self.folder / "app"

    @property
    def out(self) -> Path:
        """An output folder of its own for the captures of one fault."""
        return self.folder / "out"

    def command(self, mode: str, *flags: str) -> list[str]:
        """Return the command of a target, which binds a free port."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.ports.append(free.getsockname()[1])
        return [sys.executable, *flags, str(self.source / PROGRAM), mode, str(self.ports[-1])]

    def start(self, mode: str, *flags: str) -> Target:
        """Start a target and wait until it is ready."""
        return self.run(self.command(mode, *flags), dict(os.environ))

    def run(self, argv: list[str], env: dict[str, str], ready: str = "ready") -> Target:
        """Start a command that says `ready`; pinned to the first core, so that an instrument has another one."""
        self.out.mkdir(exist_ok=True)
        log = self.folder / f"log-{len(self.running)}"
        core = min(os.sched_getaffinity(0))
        with log.open("wb") as file:
            popen = subprocess.Popen(
                argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=child_setup((core,)),
            )
        self.running.append(popen)
        deadline = time.monotonic() + 20
        while ready not in log.read_text(errors="replace"):
            if time.monotonic() > deadline or not proc.alive(popen.pid):
                raise CannotInject(f"{' '.join(argv)[:80]} did not get ready: {log.read_text()[-200:]}")
            time.sleep(0.02)
        return Target(self.source, pid=popen.pid, log_path=log)

    def wrapped(self, instrument: object, mode: str) -> Target:
        """Start a target under an instrument that wraps its command."""
        self.out.mkdir(exist_ok=True)
        argv, env = instrument.wrap(self.command(mode), dict(os.environ), self.out, self.source)  # type: ignore[attr-defined]
        return replace(self.run(argv, env), argv=tuple(argv))

    def left(self) -> list[int]:
        """Return living processes that carry the mark and are neither this one nor a target that we started."""
        ours = {os.getpid(), *(popen.pid for popen in self.running)}
        return [pid for pid in marked(self.mark) if pid not in ours]

    def collect(self) -> None:
        """Kill every target that still runs, the last started first: a dead process stays its tracer's to collect."""
        for popen in reversed(self.running):
            kill_group(popen)

    def bound(self) -> list[int]:
        """Return the ports that somebody still listens on."""
        return [port for port in self.ports if _listens(port)]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def marked(mark: str) -> list[int]:
    """Return the living processes whose environment carries the mark."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and proc.alive(int(folder.name)):
            try:
                if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue  # ended meanwhile, or not ours to read: then it is not below us
    return found


@contextmanager
def yard() -> Iterator[Yard]:
    """Make a yard in a temporary folder; everything of it is gone afterwards."""
    folder, mark = Path(tempfile.mkdtemp(prefix="perflab-fault-")), secrets.token_hex(8)
    (folder / "app").mkdir()
    shutil.copy(Path(__file__).with_name(PROGRAM), folder / "app")
    made, before = Yard(folder, mark), os.environ.get(MARK)
    os.environ[MARK] = mark
    try:
        yield made
    finally:
        made.collect()
        os.environ.pop(MARK) if before is None else os.environ.update({MARK: before})
        shutil.rmtree(folder, ignore_errors=True)


def seen(call: Callable[[], object], known_after_s: float = 0.0) -> Seen:
    """Return the code that `call` fails with; `known_after_s`: into the call, when the fault can first be known."""
    began = time.monotonic()
    try:
        call()
    except InstrumentFailure as error:
        return Seen(error.code, time.monotonic() - began - known_after_s, str(error))
    return Seen("none", time.monotonic() - began - known_after_s, "no failure was told")
