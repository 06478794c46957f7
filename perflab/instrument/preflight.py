"""Real probes before a capture: each answers in milliseconds and names the one thing that is missing."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from perflab.instrument import proc
from perflab.instrument.failures import Problem
from perflab.instrument.interface import Target
from perflab.instrument.window import stopped

MIN_FREE_BYTES = 64_000_000  # memray writes a few megabytes for each second of a busy system
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def pyspy_path() -> str | None:
    """Return py-spy's executable: beside this interpreter, else on the PATH; None when it is not installed."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else shutil.which("py-spy")


def check_alive(target: Target) -> list[Problem]:
    """P102 when the process is gone or a zombie."""
    return [] if proc.alive(target.pid) else [Problem("P102", f"process {target.pid} does not run")]


def check_folder(folder: Path, need_bytes: int = MIN_FREE_BYTES) -> list[Problem]:
    """P111 when nothing can be written to the output folder, P118 when less than `need_bytes` are free there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        code = "P118" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "P111"
        return [Problem(code, f"{folder} cannot be written: {error.strerror}")]
    if free < need_bytes:
        return [Problem("P118", f"{folder} has {free / 1e6:.1f} MB free, {need_bytes / 1e6:.0f} MB are needed")]
    return []


def check_space_left(folder: Path, output: str) -> list[Problem]:
    """P118 or P213 when a tool that failed says that the disk is full, or that its folder has gone."""
    if "No space left" in output:
        return [Problem("P118", f"the disk of {folder} is full")]
    return [] if folder.is_dir() else [Problem("P213", f"{folder} is gone")]


def check_window(window_s: float, rate_hz: float, min_samples: int) -> list[Problem]:
    """P119 when even a target that never sleeps could not yield the samples that are needed; 0 s = not known."""
    if not window_s or window_s * rate_hz >= min_samples:
        return []
    return [
        Problem(
            "P119",
            f"{window_s:g} s at {rate_hz:g} Hz are at most {int(window_s * rate_hz)} samples, {min_samples} are needed",
            f"Take {min_samples / rate_hz:.1f} s or more",
        )
    ]


def check_stopped(pid: int) -> list[Problem]:
    """P120 when the process is stopped: it would yield nothing, and attaching memray to it may crash it."""
    return [Problem("P120", f"process {pid} is stopped")] if stopped(pid) else []


def check_tracked(pid: int) -> list[Problem]:
    """P122 when the process is writing a memray capture: attaching again replaces that one without a word."""
    for name in open_files(pid):
        try:
            with open(f"/proc/{pid}/fd/{name}", "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(6) == b"memray":
                    return [Problem("P122", f"process {pid} writes {os.readlink(f'/proc/{pid}/fd/{name}')}")]
        except OSError:
            continue  # closed meanwhile, or no file that can be opened again
    return []


def open_files(pid: int) -> list[str]:
    """Return the descriptors of a process that name a file; others (sockets, pipes) may block a reader."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
        return [name for name in names if os.readlink(f"/proc/{pid}/fd/{name}").startswith("/")]
    except OSError:
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
    if held := check_stopped(pid):
        return held[0]
    if "python version" in message.lower():
        return Problem("P105", f"py-spy does not know the Python of process {pid} ({message})")
    if not proc.may_trace() and unreadable(pid):
        return Problem("P101", f"py-spy cannot read process {pid}: {message}")
    if not is_python(pid):
        return Problem("P108", f"process {pid} is {' '.join(proc.cmdline(pid))[:80]!r}")
    scope = YAMA.read_text().strip() if YAMA.exists() else "0"
    if scope != "0" and not proc.may_trace():
        return Problem("P104", f"ptrace_scope is {scope} and process {pid} is not our child")
    if not proc.may_trace():
        return Problem("P101", f"py-spy cannot read process {pid}: {message}")
    return Problem("P109", f"py-spy cannot read process {pid}: {message}")


def unreadable(pid: int) -> bool:
    """Whether the kernel refuses to show what the process runs, which takes the same right as tracing it."""
    try:
        os.readlink(f"/proc/{pid}/exe")
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


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


def check_importable(
    module: str, python: str, *flags: str, code: str = "P110", env: Mapping[str, str] | None = None
) -> list[Problem]:
    """Ask the target's own interpreter, with its own flags, whether it finds `module` (without importing it)."""
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        done = subprocess.run([python, *flags, "-c", probe], capture_output=True, text=True, timeout=20, env=env)
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


def interpreter(target: Target) -> list[str]:
    """Return the target's interpreter with those of its flags that decide what it can import."""
    words = list(target.argv) or proc.cmdline(target.pid)
    flags: list[str] = []
    for word in words[1:]:
        if not word.startswith("-") or word in ("-m", "-c", "-"):
            break
        flags += [word] if set(word[1:]) & set("ISEsP") and not word.startswith("--") else []
    return [target_python(target), *flags]


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
    _, program = split_options(argv[1:])
    shown = repr(" ".join(argv)[:80])
    if "python" not in Path(argv[0]).name or not program:
        return [Problem("P114", f"{shown} is not [python, -m, package, ...]")]
    if program[0] in ("-c", "-"):
        where = "on the command line" if program[0] == "-c" else "from standard input"
        return [Problem("P114", f"{shown} takes its code {where}", "Put it into a file: [python, program.py, ...]")]
    if program == ["-m"]:
        return [Problem("P114", "-m names no module")]
    return []


def split_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split what follows an interpreter into its own options and the program, which begins with -m, -c, - or a file."""
    options, rest = list[str](), list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        ends = next((at for at, letter in enumerate(word) if letter in "mcWX" and word[:2] != "--"), 0)
        if ends and word[ends] in "mc":  # -Om module: the program begins inside the word
            options += [word[:ends]] if ends > 1 else []
            return options, [f"-{word[ends]}", *filter(None, [word[ends + 1 :]]), *rest]
        options.append(word)
        if (ends and ends == len(word) - 1) or word == "--check-hash-based-pycs":  # its value is the next word
            options += [rest.pop(0)] if rest else []
    return options, rest
