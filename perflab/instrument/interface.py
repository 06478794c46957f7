"""The one interface of all profilers: preflight, capture, parse, render."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from perflab.errors import RunCorrupt
from perflab.instrument.failures import Problem, failure
from perflab.instrument.table import ProfileTable
from perflab.runs import write_atomic


@dataclass(frozen=True)
class Target:
    """What is profiled: a living process (`pid`), or a command to start (`argv`).

    `source_root` holds the code that counts as own. `cores` is where the instrument itself may run. A launched
    profiler saves at exit, so its capture ends the process with SIGTERM.
    """

    source_root: Path
    pid: int = 0
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    cores: tuple[int, ...] = ()
    log_path: Path | None = None
    units_path: Path | None = None  # where the target counts its units of work; see units.py
    stop_limit_s: float = 30.0  # how long a launched profiler may take to save after SIGTERM
    may_end: bool = False  # a plain command that ends by itself before the window does is no failure


@dataclass(frozen=True)
class Capture:
    """Raw files of one window of one instrument, and the circumstances; kept in the run, parsed as often as wanted.

    `output` is what the instrument wrote to stdout and stderr. `schedstat_before` and `schedstat_after` are seconds
    on a core and seconds waiting for one. `pauses_s` lists how long attaching and detaching stopped the target.
    `work_units` is 0 where nobody counted. `settings` rebuild the instrument.
    """

    instrument: str
    view: str
    folder: Path
    files: dict[str, str]  # role of the file to its name in `folder`
    window_s: float
    argv: tuple[str, ...] = ()
    pid: int = 0
    rc: int = 0
    rate_hz: float = 0.0
    ticks: int = 0
    errors: int = 0
    cpu_s: float = 0.0
    run_delay: float = 0.0
    kernel_share: float = 0.0
    sampler_cpu_s: float = 0.0
    output: str = ""
    codes: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    started_ns: int = 0
    schedstat_before: tuple[float, float] = (0.0, 0.0)
    schedstat_after: tuple[float, float] = (0.0, 0.0)
    work_units: float = 0.0
    unit: str = ""
    pauses_s: tuple[float, ...] = ()
    source_root: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def path(self, role: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / self.files[role]

    @property
    def name(self) -> str:
        """A file-name stem such as ``pyspy-gil``."""
        return f"{self.instrument}-{self.view}"

    def save(self) -> Capture:
        """Write ``<name>.capture.json`` beside the raw files, with their SHA-256; return the capture with digests.

        Raises InstrumentFailure P213 when the folder is gone.
        """
        try:
            digests = {role: hashlib.sha256(self.path(role).read_bytes()).hexdigest() for role in self.files}
            done = replace(self, digests=digests)
            body = {**asdict(done), "folder": ""}  # the folder is wherever the file lies: a run may be moved
            write_atomic(self.folder / f"{self.name}.capture.json", json.dumps(body, indent=1, sort_keys=True))
        except FileNotFoundError:
            raise failure("P213", f"{self.folder} is gone") from None
        return done

    def counted(self, work_units: float, unit: str) -> Capture:
        """Return the saved capture with the units of work that were done in its window, as somebody else counted."""
        return replace(self, work_units=work_units, unit=unit).save()


def load_capture(path: Path) -> Capture:
    """Read a saved capture; raises RunCorrupt when it, or a raw file of it, is missing or was changed."""
    try:
        body = json.loads(path.read_text("utf-8"))
        tuples = {key: tuple(value) for key, value in body.items() if isinstance(value, list)}
        capture = Capture(**{**body, **tuples, "folder": path.parent})
        for role, digest in capture.digests.items():
            if hashlib.sha256(capture.path(role).read_bytes()).hexdigest() != digest:
                raise RunCorrupt(f"{capture.files[role]} is not the file that was captured", "", "Capture again")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunCorrupt(f"{path.name} is no readable capture ({error})", "", "Capture again") from None
    return capture


class Instrument(Protocol):
    """A profiler in one role; its dataclass fields are its settings."""

    @property
    def name(self) -> str:
        """Name in tables: pyspy, scalene, memray."""

    @property
    def view(self) -> str:
        """Which question this role answers: gil, cpu, wall, alloc, leak."""

    @property
    def settings(self) -> dict[str, Any]:
        """What builds this very instrument again, from a saved capture."""

    def preflight(self, target: Target, window_s: float = 0.0) -> list[Problem]:
        """Probe for everything that would make the capture fail; empty when it may start. `window_s` 0 = unknown."""

    def capture(self, target: Target, window_s: float, out_dir: Path) -> Capture:
        """Measure for `window_s` seconds; raises InstrumentFailure with a code, never returns an empty capture."""

    def parse(self, capture: Capture, source_root: Path) -> ProfileTable:
        """Turn raw files into a table; the same files give the same table."""

    def render(self, capture: Capture, out_dir: Path) -> list[Path]:
        """Write self-contained pages that need no network."""
