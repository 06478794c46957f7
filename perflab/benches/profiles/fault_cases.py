"""The faults that a preflight finds: each is made for real, and the instrument must name its code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perflab.benches.profiles.fault_yard import CannotInject, Seen, Yard, seen
from perflab.errors import InstrumentFailure
from perflab.instrument.command import profile_command
from perflab.instrument.interface import Target
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.series import callable_subject

_TRACER = """
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(0x4206, int(sys.argv[1]), None, None): sys.exit(str(ctypes.get_errno()))  # PTRACE_SEIZE
print("ready", flush=True)
time.sleep(60)
"""
_CAPTURE = """
import sys
from pathlib import Path
from perflab.errors import InstrumentFailure
from perflab.instrument.interface import Target
from perflab.instrument.pyspy import PySpy
try:
    PySpy().capture(Target(Path(sys.argv[2]), pid=int(sys.argv[1])), 1, Path(sys.argv[3]))
except InstrumentFailure as error:
    print(error.code)
"""


@dataclass(frozen=True)
class Case:
    """One fault: the code that must be told, and how it is made. `quick`: short enough for the tests."""

    name: str
    code: str
    inject: Callable[[Yard], Seen]
    quick: bool = True


def _elsewhere(yard: Yard, words: list[str], env: dict[str, str] | None = None) -> Seen:
    """Attach py-spy to a busy target from another process, started by `words`."""
    target = yard.start("busy")
    began = time.monotonic()
    argv = [*words, "-c", _CAPTURE, str(target.pid), str(yard.source), str(yard.out)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env)
    return Seen(done.stdout.strip() or "none", time.monotonic() - began, done.stderr[-200:])


def no_capability(yard: Yard) -> Seen:
    """The measuring side has lost CAP_SYS_PTRACE, as in a container at its defaults."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise CannotInject("needs root and setpriv")
    drop = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"]
    return _elsewhere(yard, [*drop, sys.executable])


def no_pyspy(yard: Yard) -> Seen:
    """A Python without py-spy beside it or on the PATH."""
    bare = _bare_python(yard)
    path = os.pathsep.join([*(p for p in sys.path if p), str(Path(__file__).parents[3])])
    return _elsewhere(yard, [bare], {**os.environ, "PATH": str(yard.folder), "PYTHONPATH": path})


def _bare_python(yard: Yard) -> str:
    folder = yard.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def dead(yard: Yard) -> Seen:
    """The process has ended and was collected."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return seen(lambda: PySpy().capture(Target(yard.source, pid=child.pid), 1, yard.out))


def traced(yard: Yard) -> Seen:
    """Another tracer holds the process."""
    target = yard.start("busy")
    yard.run([sys.executable, "-c", _TRACER, str(target.pid)], dict(os.environ))
    return seen(lambda: PySpy().capture(target, 1, yard.out))


def no_debugger(yard: Yard) -> Seen:
    """Neither gdb nor lldb is on the PATH."""
    target, path = yard.start("busy"), os.environ["PATH"]
    os.environ["PATH"] = str(yard.folder)
    try:
        return seen(lambda: Memray("attach").capture(target, 1, yard.out))
    finally:
        os.environ["PATH"] = path


def no_memray(yard: Yard) -> Seen:
    """The target's interpreter sees no installed package."""
    target = yard.start("busy", "-I", "-S")
    return seen(lambda: Memray("attach").capture(target, 1, yard.out))


def no_scalene(yard: Yard) -> Seen:
    """The command's interpreter is a virtual environment with nothing in it."""
    argv = [_bare_python(yard), *yard.command("busy")[1:]]
    return seen(lambda: profile_command(argv, Scalene(), yard.source, yard.out, window_s=2))


def no_python(yard: Yard) -> Seen:
    """The process is no Python."""
    target = yard.run(["sh", "-c", "echo ready; exec sleep 60"], dict(os.environ))
    time.sleep(0.05)  # until the shell has become sleep
    return seen(lambda: PySpy().capture(target, 1, yard.out))


def no_folder(yard: Yard) -> Seen:
    """The output folder lies below a file."""
    target = yard.start("busy")
    return seen(lambda: PySpy().capture(target, 1, yard.source / "fault_target.py" / "below"))


def no_source(yard: Yard) -> Seen:
    """The source folder is empty."""
    target = yard.start("busy")
    return seen(lambda: PySpy().capture(Target(yard.out, pid=target.pid), 1, yard.out))


def below_prefix(yard: Yard) -> Seen:
    """The source lies in the interpreter's own library."""
    root = Path(sys.prefix) / "lib"
    return seen(lambda: profile_command(yard.command("busy"), Scalene(), root, yard.out, window_s=2))


def no_python_command(yard: Yard) -> Seen:
    """The command is no Python command."""
    return seen(lambda: profile_command(["/bin/ls", "-l"], Memray(), yard.source, yard.out))


def two_profilers(yard: Yard) -> Seen:
    """Attaching memray to what runs under memray."""
    target = yard.wrapped(Memray(), "busy")
    return seen(lambda: Memray("attach").capture(target, 1, yard.out))


def no_command(yard: Yard) -> Seen:
    """The command's first word does not exist."""
    return seen(lambda: profile_command(["no-such-python", "x.py"], PySpy(), yard.source, yard.out))


def no_space(yard: Yard) -> Seen:
    """The disk of the output folder is nearly full."""
    small = yard.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True).returncode:
        raise CannotInject("needs the right to mount a small file system")
    try:
        target = yard.start("busy")
        return seen(lambda: PySpy().capture(target, 1, small))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def short_window(yard: Yard) -> Seen:
    """A tenth of a second is asked for."""
    target = yard.start("busy")
    return seen(lambda: PySpy().capture(target, 0.1, yard.out))


def stopped(yard: Yard) -> Seen:
    """The target was stopped by SIGSTOP."""
    target = yard.start("busy")
    os.kill(target.pid, signal.SIGSTOP)
    return seen(lambda: Memray("attach").capture(target, 1, yard.out))


def no_callable(yard: Yard) -> Seen:
    """The module has no such function."""
    return seen(lambda: callable_subject("json:no_such_function", yard.out))


def second_window(yard: Yard) -> Seen:
    """Another memray window is open on the target."""
    target = yard.start("keep")
    first: list[InstrumentFailure | None] = []

    def capture() -> None:
        try:
            Memray("attach", label="first").capture(target, 5, yard.out)
            first.append(None)
        except InstrumentFailure as error:
            first.append(error)

    thread = threading.Thread(target=capture)
    thread.start()
    raw = yard.out / "memray-attach-first.bin"
    deadline = time.monotonic() + 10
    while not (raw.exists() and raw.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    found = seen(lambda: Memray("attach", label="second").capture(target, 1, yard.out))
    thread.join()
    if first != [None]:
        return Seen("none", 0.0, f"the first window was harmed: {first}")
    return found


CASES = (
    Case("no capability to trace", "P101", no_capability),
    Case("dead process", "P102", dead),
    Case("held by another tracer", "P103", traced),
    Case("no debugger", "P106", no_debugger),
    Case("target's Python lacks memray", "P107", no_memray),
    Case("not a Python process", "P108", no_python),
    Case("py-spy not installed", "P110", no_pyspy, quick=False),
    Case("output folder cannot be made", "P111", no_folder),
    Case("no source", "P112", no_source),
    Case("source below the prefix", "P113", below_prefix),
    Case("no Python command", "P114", no_python_command),
    Case("two profilers in one process", "P115", two_profilers),
    Case("no such command", "P116", no_command),
    Case("target's Python lacks scalene", "P117", no_scalene, quick=False),
    Case("no space", "P118", no_space),
    Case("window too short", "P119", short_window),
    Case("target is stopped", "P120", stopped),
    Case("no such callable", "P121", no_callable),
    Case("a memray window is open", "P122", second_window, quick=False),
)
