"""All instruments on one command or callable, one after another, an unprofiled run between any two: what each costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perflab.errors import InstrumentFailure
from perflab.instrument import preflight as probe
from perflab.instrument.child import settle, started
from perflab.instrument.command import profile_command
from perflab.instrument.ending import how_it_ended
from perflab.instrument.failures import failure, refuse
from perflab.instrument.interface import Capture, Target
from perflab.instrument.memray import Memray
from perflab.instrument.overhead import Bracket, Overheads, judge_overheads
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable
from perflab.instrument.units import read_units, units_between
from perflab.instrument.window import Watch, hold, log_tail

Anyone = PySpy | Scalene | Memray
WARMUP_S = 0.5
MIN_CPU_S = 0.5  # CPU time of a run that has ended is known to 10 ms
MIN_UNITS = 20.0  # below that the units in a window are known to worse than 5 %, the drift that is allowed


@dataclass(frozen=True)
class Subject:
    """What is profiled: a command, or a callable, which then counts its calls in `units_path`."""

    argv: tuple[str, ...]
    source_root: Path
    folder: Path
    units_path: Path | None = None
    cwd: Path | None = None


@dataclass
class Series:
    """What a series found: `unit` = call or run; `overheads` is None where no unit of work could be counted."""

    subject: Subject
    unit: str
    captures: list[tuple[ProfileTable, Capture]] = field(default_factory=list)
    rendered: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    overheads: Overheads | None = None

    @property
    def tables(self) -> list[ProfileTable]:
        """The tables that there are."""
        return [table for table, _ in self.captures]


@dataclass(frozen=True)
class Bare:
    """One unprofiled run: whether it ended by itself, its CPU seconds, and the units done in them (0 = not counted)."""

    ended: bool
    cpu_s: float
    units: float


def callable_subject(name: str, folder: Path, kwargs: str = "{}", source_root: Path | None = None) -> Subject:
    """Return the subject of `package.module:function`; raises P121 when a fresh process does not find it."""
    words = [sys.executable, "-m", "perflab.instrument.callable_target", name]
    done = subprocess.run([*words, "--check"], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise failure("P121", (done.stderr.strip().splitlines() or [name])[-1])
    units = folder / "calls.rows"
    argv = (*words, "--kwargs", kwargs, "--units", str(units.resolve()))
    return Subject(argv, source_root or Path.cwd(), folder, units)


def profile_series(
    subject: Subject, instruments: Sequence[Anyone], window_s: float, say: Callable[[str], None] = lambda line: None
) -> Series:
    """Run the subject bare, and under each instrument and bare again; every run is a fresh process.

    Never two instruments at once, and no two without a bare run between them: it is the end of one's bracket and the
    beginning of the next one's. A command that ends by itself within `window_s` is profiled to its end, and one run
    is its unit of work. A longer one is watched for the window; only a callable then has units, so only there is the
    overhead known, and a command without any is run bare once. An instrument that fails is a problem with its code
    and leaves no table. Raises P202, P211 or P215 when the subject fails without any instrument, and P201 when no
    instrument yielded anything.
    """
    say("unprofiled ...")
    before = run_bare(subject, window_s)
    series = Series(subject, "call" if subject.units_path else "run" if before.ended else "")
    length, brackets = 0.0 if before.ended else window_s, dict[str, Bracket]()
    for instrument in instruments:
        say(f"{instrument.name} {instrument.view} ...")
        try:
            capture = _add(series, instrument, length)
        except InstrumentFailure as error:
            series.problems.append(str(error))
            continue
        if series.unit:
            say("unprofiled ...")
            after = run_bare(subject, window_s)
            if bracket := _bracket(series, before, capture, after):
                brackets[capture.name] = bracket
            before = after
    if not series.captures:
        raise failure("P201", f"no instrument could profile {subject.argv[-1]!r}", "; ".join(series.problems))
    series.overheads = judge_overheads(brackets) if brackets else None
    return series


def _add(series: Series, instrument: Anyone, window_s: float) -> Capture:
    subject = series.subject
    found = profile_command(
        list(subject.argv),
        instrument,
        subject.source_root,
        subject.folder,
        window_s=window_s,
        warmup_s=WARMUP_S if window_s else 0.0,
        units_path=subject.units_path,
        cwd=subject.cwd,
    )
    series.captures.append(found)
    series.rendered += instrument.render(found[1], subject.folder)
    return found[1]


def run_bare(subject: Subject, window_s: float) -> Bare:
    """Run the subject without any instrument, until it ends or for `window_s`; raises P202, P211 or P215."""
    target = Target(
        subject.source_root,
        argv=subject.argv,
        cwd=subject.cwd,
        log_path=subject.folder / "command.log",
        units_path=subject.units_path,
    )
    refuse(probe.check_folder(subject.folder) or probe.check_command(subject.argv))
    if subject.units_path:
        subject.units_path.unlink(missing_ok=True)
    with started(target, list(subject.argv), dict(os.environ)) as running:
        whole = Watch(running.pid)
        settle(running, WARMUP_S)
        watch = Watch(running.pid)
        hold(watch, window_s)
        if not whole.look():
            return _ended(running, whole)
        window = watch.window()
        end_ns = window.start_ns + int(window.seconds * 1e9)
    return Bare(False, window.cpu_s, units_between(read_units(subject.units_path), window.start_ns, end_ns))


def _ended(running: Target, whole: Watch) -> Bare:
    ending = how_it_ended(running.pid)
    if ending.code != 0 or running.units_path:
        given = f"{' '.join(running.argv)[:80]!r} ended without any instrument, {ending}"
        raise failure("P215", given, f"Its last lines: {log_tail(running.log_path)}")
    return Bare(True, whole.window().cpu_s, 1.0)


def _bracket(series: Series, before: Bare, capture: Capture, after: Bare) -> Bracket | None:
    """Return CPU per unit under an instrument and on both sides; None where too little was done to tell.

    The units of a run that ended are 1, those of a callable its calls in the window.
    """
    units = capture.work_units if series.unit == "call" else 1.0
    if series.unit == "call" and units < MIN_UNITS:
        series.problems.append(str(failure("P216", f"{units:.0f} calls in the window of {capture.name}")))
        return None
    if min(before.units, after.units) <= 0 or min(before.cpu_s, after.cpu_s) < MIN_CPU_S:
        return None
    under = _cpu_s(capture, whole=series.unit == "run") / units
    return Bracket(before.cpu_s / before.units, under, after.cpu_s / after.units)


def _cpu_s(capture: Capture, whole: bool) -> float:
    """Return a capture's CPU seconds; of a `whole` run with what it had used before the instrument came: imports."""
    return capture.cpu_s + (capture.schedstat_before[0] if whole else 0.0)
