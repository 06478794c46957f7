"""A fresh clone of a checkout in a temporary folder, and commands in it that are watched and never outlive the bench.

What a person's `git clone` and the two commands after it meet: only what is committed, an environment of its own,
folders for reports of its own. The caches of the user (packages, speech) stay warm, and the clone is a local one: what
a network adds is in no figure.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perflab import lifeline
from perflab.errors import UsageError
from perflab.experiments.code_state import FOREIGN_GIT, commit_of
from perflab.instrument.window import kill_group, on_cores
from perflab.system.cores import given_cores

GIT_S = 120.0
TICK_S = 0.25
END_S = 15.0  # of a command that was told to end: a spike ends its kernel and the system first
MOST_LINES = 3  # of what a command said last
# The interpreter, the reports and the make of whoever calls are not those of a fresh clone; the Makefile itself lets
# Python keep compiled modules.
_OURS = ("PERFLAB_REPORTS", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV",
         "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", *FOREIGN_GIT)  # fmt: skip


@dataclass(frozen=True)
class Clone:
    """A clone: where it lies, its commit, and how many files of the checkout differ from that commit or are new."""

    folder: Path
    commit: str
    left_out: int


@dataclass(frozen=True)
class Ended:
    """A command that is over: its exit code (None = stopped at its limit), its seconds, and what it said."""

    code: int | None
    wall_s: float
    said: str

    @property
    def last_words(self) -> str:
        """The last lines that it said, without those of make, which tell nothing but that a line failed."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip() and not line.startswith("make")]
        return " | ".join(lines[-MOST_LINES:]) or "it said nothing"


@contextmanager
def fresh_clone(top: Path) -> Iterator[Clone]:
    """Clone HEAD of the repository at `top`; the clone is removed at the end, whatever ended it.

    Raises UsageError where `top` is no repository, or git cannot clone it.
    """
    changed = _git("-C", str(top), "status", "--porcelain").splitlines()
    with tempfile.TemporaryDirectory(prefix="perflab-fresh-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "clone"
        _git("clone", "--quiet", str(top), str(folder))
        yield Clone(folder, commit_of(folder), len(changed))


def _git(*words: str) -> str:
    env = {name: value for name, value in os.environ.items() if name not in FOREIGN_GIT}
    command = ["git", "-c", "core.hooksPath=/dev/null", *words]  # a hook of the user's is no part of the clone
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"git did not run ({error})", "a fresh clone needs it", "Install git") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(f"No fresh clone of this checkout: {last}", "the repository that perflab was cloned from")
    return done.stdout


def python_words() -> tuple[str, ...]:
    """Return what names our interpreter to make, as a make variable; nothing where it has no usual name.

    The base interpreter, not the one of our own environment: a person begins with that one.
    """
    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (f"PYTHON={python}",) if python.is_file() else ()


def run_in(
    clone: Clone, words: list[str], limit_s: float, say: Callable[[str], None], look: Callable[[float], None]
) -> Ended:
    """Run a command in the clone, on all cores that were given, and pass on its lines as it says them.

    `look` gets the seconds since the start, four times a second. The machine stays held by the bench, which the
    command's environment says (`perflab.runs.exclusive`). Whatever ends this function ends all that was started.
    Raises UsageError where the command cannot be started.
    """
    mark, log = f"PERFLAB_FRESH_{secrets.token_hex(8)}", clone.folder.parent / "log"
    began, lines = time.monotonic(), _Lines(log, say)
    with log.open("wb") as out:
        try:
            popen = subprocess.Popen(
                words,
                cwd=clone.folder,
                env={**{name: value for name, value in os.environ.items() if name not in _OURS}, mark: "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=on_cores(given_cores()),  # the bench itself stays on some of them
            )
        except OSError as error:
            raise UsageError(f"{Path(words[0]).name} cannot be started ({error.strerror})", "", "") from None
    try:
        code = _wait(popen, began, limit_s, lines, look)
        wall_s = time.monotonic() - began
    finally:
        _end(popen, mark)
    lines.read()
    return Ended(code, wall_s, log.read_text(encoding="utf-8", errors="replace"))


def _wait(
    popen: subprocess.Popen[bytes], began: float, limit_s: float, lines: _Lines, look: Callable[[float], None]
) -> int | None:
    while True:
        try:
            return popen.wait(TICK_S)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - began
        if elapsed > limit_s:
            return None
        lines.read()
        look(elapsed)


def _end(popen: subprocess.Popen[bytes], mark: str) -> None:
    """End the command politely, then its group, then what it started in sessions of their own."""
    try:
        if popen.poll() is None:
            popen.terminate()
            popen.wait(END_S)
    except subprocess.TimeoutExpired:
        pass  # it is killed below
    finally:
        try:
            kill_group(popen)
        finally:
            lifeline.sweep(mark, "1")


class _Lines:
    """What a log has got since the last look, line by line."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self._log, self._say, self._at = log, say, 0

    def read(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        for line in whole.decode("utf-8", errors="replace").splitlines():
            if line.strip():
                self._say(f"  {line}")
