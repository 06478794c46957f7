"""Real probes before a capture: each answers in milliseconds and names the one thing that is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from perflab.instrument import proc
from perflab.instrument.failures import Problem
from perflab.instrument.interface import Target

YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def pyspy_path() -> str | None:
    """Return py-spy's executable: beside this interpreter, else on the PATH; None when it is not installed."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else shutil.which("py-spy")


def check_alive(target: Target) -> list[Problem]:
    """P102 when the process is gone or a zombie."""
    return [] if proc.alive(target.pid) else [Problem("P102", f"process {target.pid} does not run")]


def check_folder(folder: Path) -> list[Problem]:
    """P111 when nothing can be written to the output folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return [Problem("P111", f"{folder} cannot be written: {error.strerror}")]
    return []


def check_source(target: Target) -> list[Problem]:
    """P112 when the source folder holds no Python file."""
    if next(target.source_root.rglob("*.py"), None) is None:
        return [Problem("P112", f"no Python file below {target.source_root}")]
    return []


def check_tracer(pid: int) -> list[Problem]:
    """P103 when gdb, strace or another profiler holds the process."""
    tracer = proc.status(pid).get("TracerPid", "0")
    name = " ".join(proc.cmdline(int(tracer)))[:80] if tracer != "0" else ""
    return [Problem("P103", f"process {pid} is traced by process {tracer} ({name})")] if tracer != "0" else []


def check_pyspy(pid: int, timeout_s: float = 10.0) -> list[Problem]:
    """Let py-spy read one stack (10 ms): this asks the kernel rather than guessing; a refusal is classified."""
    executable = pyspy_path()
    if executable is None:
        return [Problem("P110", "py-spy was not found beside this Python or on the PATH", "pip install py-spy")]
    try:
        done = subprocess.run(
            [executable, "dump", "-j", "-p", str(pid)], capture_output=True, text=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        return [Problem("P109", f"py-spy did not read process {pid} within {timeout_s:g} s")]
    if done.returncode == 0:
        return []
    return [classify_refusal(pid, " ".join(done.stderr.split())[-200:])]


def classify_refusal(pid: int, message: str) -> Problem:
    """Find why py-spy was refused; its own text is the same for a dead process and a missing capability."""
    if not proc.alive(pid):
        return Problem("P102", f"process {pid} does not run")
    if held := check_tracer(pid):
        return held[0]
    if "python version" in message.lower():
        return Problem("P105", f"py-spy does not know the Python of process {pid} ({message})")
    if not is_python(pid):
        return Problem("P108", f"process {pid} is {' '.join(proc.cmdline(pid))[:80]!r}")
    scope = YAMA.read_text().strip() if YAMA.exists() else "0"
    if scope != "0" and not proc.may_trace():
        return Problem("P104", f"ptrace_scope is {scope} and process {pid} is not our child")
    if not proc.may_trace():
        return Problem("P101", f"py-spy cannot read process {pid}: {message}")
    return Problem("P109", f"py-spy cannot read process {pid}: {message}")


def is_python(pid: int) -> bool:
    """Whether the process maps a Python interpreter: its executable or libpython."""
    try:
        if "python" in os.readlink(f"/proc/{pid}/exe"):
            return True
        return "libpython" in Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:
        return False


def check_debugger() -> list[Problem]:
    """P106 when neither gdb nor lldb is found: memray attaches with one below Python 3.14."""
    if sys.version_info >= (3, 14) or shutil.which("gdb") or shutil.which("lldb"):
        return []
    return [Problem("P106", "neither gdb nor lldb was found on the PATH")]


def check_importable(module: str, python: str, code: str = "P110") -> list[Problem]:
    """Ask the target's own interpreter whether it finds `module` (without importing it)."""
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        done = subprocess.run([python, "-c", probe], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Problem("P116", f"{python} cannot be run ({type(error).__name__})")]
    return (
        []
        if done.returncode == 0
        else [Problem(code, f"{python} does not find {module}", f"{python} -m pip install {module}")]
    )


def target_python(target: Target) -> str:
    """Return the interpreter of a command or process; argv[0], because /proc/PID/exe leaves its virtual environment."""
    words = list(target.argv) or proc.cmdline(target.pid)
    found = shutil.which(words[0]) if words else None
    return found if found and "python" in Path(found).name else sys.executable


def check_profiled(pid: int) -> list[Problem]:
    """P115 when the process was started under scalene or memray."""
    words = proc.cmdline(pid)
    for name in ("scalene", "memray"):
        if name in words[:4]:
            return [Problem("P115", f"process {pid} runs under {name}")]
    return []


def check_command(argv: tuple[str, ...]) -> list[Problem]:
    """P116 when the first word is not found, P114 when it is no Python command that a profiler can wrap."""
    if not argv or shutil.which(argv[0]) is None:
        return [Problem("P116", f"{argv[0] if argv else 'an empty command'} was not found")]
    if "python" not in Path(argv[0]).name or len(argv) < 2 or argv[1] in ("-c", "-"):
        return [Problem("P114", f"{' '.join(argv)[:80]!r} is not [python, -m, package, ...]")]
    if argv[1] == "-m" and len(argv) < 3:
        return [Problem("P114", "-m names no module")]
    return []
