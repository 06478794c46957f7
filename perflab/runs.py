"""A run on disk: one execution of a study, readable at any moment, resumable after any interruption.

reports/runs/<run-id>/
    manifest.json      what was asked, of which system, where; the steps and how each ended
    progress.json      what is happening now (rewritten often, never needed to read the run)
    samples/           Parquet, one file per table and trial group
    findings/          one JSON file per notebook
    profiles/          raw captures and their renderings
    notebooks/         executed notebooks and their pages
    trials/            working folders of single trials: logs of the processes, binary row logs
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from perflab import __version__
from perflab.errors import RunCorrupt, UsageError

StepStatus = Literal["pending", "running", "done", "failed", "skipped", "interrupted"]
RunStatus = Literal["running", "done", "interrupted", "broken"]
BY_NOTEBOOK = "notebook "  # how the command of a run begins that is no study but one notebook
MEASURING = "PERFLAB_MEASURING"  # set for what a command starts that holds the machine
COMMAND_SHOWN = 100  # characters of a command in one line of refusal
FOLDERS = ("samples", "findings", "profiles", "notebooks", "trials", "figures")


class Step(BaseModel):
    """One notebook of a run, and how it ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    status: StepStatus = "pending"
    budget_s: float = 0.0
    wall_s: float = 0.0
    reason: str = ""
    parameters: dict[str, int | float | str | bool] = {}
    cells: tuple[dict[str, float | str], ...] = ()  # id, wall_s, cpu_s, peak_rss_bytes, status of each code cell


class Manifest(BaseModel):
    """What a run is: written before the first measurement and after every step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: int = 1
    perflab_version: str = __version__
    run_id: str
    created: str
    finished: str = ""
    status: RunStatus = "running"
    system: str  # path of the TOML as given
    system_name: str
    system_digest: str = ""
    effort: Literal["quick", "full"]
    domain: str
    rng_seed: int
    commit: str = ""  # of the repository that the system's file lies in
    perflab_commit: str = ""  # of perflab's own, where it runs from a repository
    changes_digest: str = ""  # of what is measured and no commit holds
    command: str = ""
    fingerprint: dict[str, Any] = {}
    planted: str = ""
    notes: dict[str, Any] = {}
    steps: tuple[Step, ...] = ()

    @property
    def system_shown(self) -> str:
        """The system's file as a reader types it: from the present folder on, where it lies below it."""
        path = Path(self.system)
        return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else self.system

    @property
    def command_again(self) -> str:
        """The command that measures the same again: with every option that decided what was measured."""
        if not self.steps or self.command.startswith(BY_NOTEBOOK):
            return f"perflab {self.command}".strip()
        words = ["perflab", "spike", "--system", self.system_shown, "--effort", self.effort, "--seed", self.rng_seed]
        scale = float(self.notes.get("time_scale", 1.0))
        words += ["--time-scale", f"{scale:g}"] if scale != 1 else []
        words += ["--only", ",".join(step.name for step in self.steps)] if self.notes.get("only") else []
        words += ["--plant", self.planted] if self.planted else []
        return shlex.join(map(str, words))

    @property
    def checkouts(self) -> tuple[str, ...]:
        """The commands that bring back the commits of a run: of the system's repository, and of perflab's own."""
        own, system = (commit.removesuffix("-dirty") for commit in (self.perflab_commit, self.commit))
        if not system or system == own or not own:
            return (f"git checkout {system or own}",) if system or own else ()
        return f"git -C {shlex.quote(str(Path(self.system).parent))} checkout {system}", f"git checkout {own}"

    @property
    def dirty(self) -> bool:
        """Whether what was measured had changes that no commit holds."""
        return self.commit.endswith("-dirty") or self.perflab_commit.endswith("-dirty")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write to a temporary file beside `path`, sync, then rename: a reader sees the old file or the new one.

    A link stays a link, and what is no plain file (/dev/null, a pipe) is written to: a rename would replace it.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    if is_device(path):
        with path.open("ab") as device:
            device.write(raw)
        return
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_device(path: Path) -> bool:
    """Whether a path is no plain file, or an open descriptor, behind which a plain file is being written already."""
    if str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # it is not there yet
        return False


def new_run_id(label: str) -> str:
    """Return an id that sorts by time, such as ``20261120T231655Z-quick-3f2a``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{label}-{secrets.token_hex(2)}"


class Run:
    """A run's folder and manifest; every write is atomic."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest

    @classmethod
    def create(cls, reports: Path, manifest: Manifest) -> Run:
        """Make the folders of a new run and write its manifest."""
        path = reports / "runs" / manifest.run_id
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
        run = cls(path, manifest)
        run.save()
        return run

    @classmethod
    def open(cls, path: Path) -> Run:
        """Read a run; raises UsageError when it does not exist and RunCorrupt when it cannot be read."""
        file = path / "manifest.json"
        if not file.is_file():
            raise UsageError(
                f"No run at {path}", "a run is a folder with a manifest.json", "List runs with: perflab runs"
            )
        try:
            return cls(path, Manifest.model_validate_json(file.read_bytes()))
        except (ValidationError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise RunCorrupt(
                f"The manifest of run {path.name} cannot be read ({first})",
                "",
                f"Its samples are untouched; move {file} aside to leave the run out",
            ) from None

    @property
    def id(self) -> str:
        """The run's id, which is also its folder's name."""
        return self.manifest.run_id

    def folder(self, name: str) -> Path:
        """Return one of the run's folders, making it when an old run lacks it."""
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def save(self) -> None:
        """Write the manifest."""
        write_atomic(self.path / "manifest.json", self.manifest.model_dump_json(indent=1))

    def reload(self) -> None:
        """Read the manifest again: another process (a notebook) may have written it."""
        self.manifest = Run.open(self.path).manifest

    def update(self, **changes: Any) -> None:
        """Change manifest fields and save."""
        self.manifest = Manifest.model_validate({**self.manifest.model_dump(), **changes})
        self.save()

    def note(self, key: str, value: Any) -> None:
        """Record a fact about the whole run, such as a measured overhead; survives other writers."""
        self.reload()
        self.update(notes={**self.manifest.notes, key: value})

    def set_step(self, step: Step) -> None:
        """Replace the step of the same name, or append it."""
        self.reload()
        others = [s.name for s in self.manifest.steps]
        steps = tuple(step if s.name == step.name else s for s in self.manifest.steps)
        self.update(steps=[s.model_dump() for s in (steps if step.name in others else (*steps, step))])

    def step(self, name: str) -> Step | None:
        """Return the step of that name, or None."""
        return next((s for s in self.manifest.steps if s.name == name), None)

    def progress(self, step: str, done: float, total: float, detail: str = "", left_s: float | None = None) -> None:
        """Say what is happening: `done` of `total` of `step`, with the seconds left where they are known."""
        body = {"step": step, "done": done, "total": total, "detail": detail, "left_s": left_s, "at": time.time()}
        temporary = self.path / f".progress.{os.getpid()}.tmp"
        temporary.write_text(json.dumps(body), encoding="utf-8")
        temporary.replace(self.path / "progress.json")


def list_runs(reports: Path) -> tuple[list[Run], list[str]]:
    """Return the readable runs, newest first, and one line for each that cannot be read."""
    runs, problems = [], []
    for file in sorted((reports / "runs").glob("*/manifest.json"), reverse=True):
        try:
            runs.append(Run.open(file.parent))
        except RunCorrupt as error:
            problems.append(str(error))
    return runs, problems


@contextmanager
def concluded(run: Run) -> Iterator[Run]:
    """Let a run say how it ended: done, interrupted, or broken by an error; one refused before it began is removed."""
    status: RunStatus = "broken"
    try:
        yield run
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    except UsageError:
        if _holds_nothing(run):
            shutil.rmtree(run.path)
        raise
    finally:
        if run.path.is_dir():
            run.reload()
            run.update(status=status, finished=datetime.now(UTC).isoformat(timespec="seconds"))


def _holds_nothing(run: Run) -> bool:
    """Whether nothing but the manifest and the last word of progress was written into a run."""
    return {path.name for path in run.path.rglob("*") if not path.is_dir()} <= {"manifest.json", "progress.json"}


@contextmanager
def exclusive(reports: Path) -> Iterator[None]:
    """Hold the machine for one measuring command at a time; raises UsageError when another one holds it.

    Held are the reports folder and the machine: two clones of one repository would measure each other too. What this
    command starts (a notebook, a nested command) is told by its environment that the machine is held for it.
    """
    reports.mkdir(parents=True, exist_ok=True)
    with (reports / ".lock").open("a+") as file, machine_free():
        _lock(file)
        before = os.environ.get(MEASURING)
        os.environ[MEASURING] = "1"
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(MEASURING, None)


@contextmanager
def machine_free() -> Iterator[None]:
    """Hold this user's lock of the whole machine, unless it is held for us; raises UsageError when another holds it."""
    try:
        path = Path(tempfile.gettempdir()) / f"perflab-{os.getuid()}.lock"
        opened = None if os.environ.get(MEASURING) else os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        opened = None  # no such folder, or somebody else's file: the reports folder's lock remains
    if opened is None:
        yield
        return
    with os.fdopen(opened, "r+") as file:
        _lock(file)
        yield


def _lock(file: TextIO) -> None:
    """Take the lock of an open file, and write into it who has it; raises UsageError when another process has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "another perflab"
        raise UsageError(
            f"Another measurement is running ({owner})",
            "two at once would measure each other",
            "Wait until it has ended",
        ) from None
    file.seek(0)
    file.truncate()
    file.write(_own_words())
    file.flush()


def _own_words() -> str:
    """Say of this process what somebody in another terminal needs to find it: its number, command and folder."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    command = " ".join(shlex.join([name, *sys.argv[1:]]).split())
    shown = command if len(command) <= COMMAND_SHOWN else f"{command[:COMMAND_SHOWN]} ..."
    words = f"process {os.getpid()}, {shown}, in {os.readlink('/proc/self/cwd')}"  # says so where the folder is gone
    return words.encode("ascii", "backslashreplace").decode("ascii")  # whoever reads it may have another locale
