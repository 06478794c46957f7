"""Why one variant costs more or less CPU than another: both under py-spy in the same seconds, function by function."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from perflab.errors import (
    InstrumentFailure,
    LoadFailure,
    NotComparable,
    PerflabError,
    StatisticError,
    SystemFailure,
)
from perflab.experiments.profile import source_root
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, facts_path, read_trial, run_trial
from perflab.experiments.units_of_work import Window, cpu_in_window, units_done
from perflab.findings.finding import Evidence
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.difference import (
    CAPTURE,
    WORK,
    ProfileDifference,
    Stretch,
    difference,
    load_stretch,
    save_work,
    stretch_of,
)
from perflab.instrument.difference_flame import FlamePair, described, difference_page, difference_svg, flame_pair
from perflab.instrument.difference_wording import sentence
from perflab.instrument.interface import Target, load_capture
from perflab.instrument.pyspy import PySpy
from perflab.instrument.source_tree import SourceTree
from perflab.runs import write_atomic
from perflab.system.launch import RunningSystem
from perflab.system.variant import same_program

if TYPE_CHECKING:
    import pandas as pd

USERS = 20  # paced; light enough that neither variant fills its core beside the other
OPTIONS = {"think_s": 0.3, "phrase_max_s": 1.2}  # short units: more of them in a short stretch
SETTLE_S, BARE_S, WINDOW_S, DRAIN_S = 2.0, 0.35, 1.0, 1.0
BARE_PARTS = 2  # unwatched stretches before each window
MOST_WINDOWS = 3  # per start; more pairs take fresh processes
SLACK_S = 0.5  # attaching and reading back, per window
WAIT_S = 60.0  # for the other variant; only a broken one takes this long
MIN_SAMPLES = 20
FOLDER = "why"


@dataclass(frozen=True)
class Why:
    """What changed between two variants, with intervals; `own` and `leaf` sum the same CPU in two ways."""

    baseline: str
    candidate: str
    unit: str
    own: ProfileDifference
    leaf: ProfileDifference
    flame: FlamePair
    trials: tuple[str, ...]
    pictures: tuple[Evidence, ...]
    problems: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say what CPU per unit did, and which of the system's functions and of all functions did it."""
        inner = ", ".join(f"{row.function} {row.difference / 1e3:+.2f} ms" for row in self.leaf.changed[:3])
        return sentence(self.own, self.unit) + (f" By innermost function: {inner}." if inner else "")

    def table(self, most: int = 8) -> pd.DataFrame:
        """Return the first rows of both attributions, microseconds per unit."""
        import pandas as pd

        return pd.concat(
            [found.table(most).assign(charged_to=found.kind) for found in (self.own, self.leaf)], ignore_index=True
        )


@dataclass
class _Arm:
    """One variant of one round while it runs: where its captures go, and when each window began and ended."""

    variant: str
    folders: list[Path]
    bare: list[list[tuple[float, float]]] = field(default_factory=list)  # by window: seconds, CPU seconds, unwatched
    problems: list[str] = field(default_factory=list)


def why(study: Study, baseline: str = "baseline", candidate: str = "optimised", *, pairs: int = 0) -> Why:
    """Profile two variants side by side and return what changed per unit of work, function by function.

    Both run at once under the same paced load, and py-spy looks at both in the same seconds: what slows a core slows
    both. CPU is charged to whoever used it, so sharing a core is no harm; response times are not read here. The CPU per
    unit comes from an unwatched stretch beside each profiled one, because py-spy's stops cost a lightly loaded process
    up to twice its CPU; they do not move its shares. `pairs` 0 = as many as the study's effort says; beyond three,
    each three take fresh processes.
    Weakness: the three pairs of one start share their processes, so the spread from start to start is in the
    intervals only where there is more than one round. Raises InstrumentFailure when no pair could be captured.
    """
    wanted = pairs or study.sizes.why_pairs
    rounds = [min(MOST_WINDOWS, wanted - done) for done in range(0, wanted, MOST_WINDOWS)]
    problems: list[str] = []
    for number, windows in enumerate(rounds):
        length = _length(windows)
        study.progress("why", number, len(rounds), f"{baseline} and {candidate} under py-spy", length + 6)
        if not _complete(study, number, windows, (baseline, candidate)):
            problems += _round(study, number, windows, (baseline, candidate))
    names = [_trial_name(number, v) for number in range(len(rounds)) for v in (baseline, candidate)]
    folders = [_folder(study, number, window) for number, windows in enumerate(rounds) for window in range(windows)]
    return _explain(study, (baseline, candidate), folders, tuple(names), tuple(problems))


def attempt(study: Study, baseline: str, candidate: str) -> tuple[Why | None, str]:
    """Return what `why` found with its sentence, or None with the reason.

    A system may be none that py-spy can read, or of which two cannot run side by side; no target is judged by it, and
    the study goes on without.
    """
    if same_program(study.system, baseline, candidate):  # under one name they would run in one folder, too
        return None, "Nothing is compared: both variants are one program."
    try:
        found = why(study, baseline, candidate)
    except (InstrumentFailure, StatisticError, SystemFailure, LoadFailure) as error:
        return None, f"No function can be named: {error}"
    return found, found.sentence()


def compared(
    study: Study, arms: tuple[Sequence[Stretch], Sequence[Stretch]], names: tuple[str, str], *, names_only: bool = False
) -> tuple[ProfileDifference, ProfileDifference, FlamePair]:
    """Return the differences, own and leaf, and the flame graphs of two arms of profiled stretches."""
    tree = SourceTree(source_root(study))
    own, leaf = (difference(*arms, tree, kind, seed=study.seed, names_only=names_only) for kind in ("own", "leaf"))
    return own, leaf, flame_pair(*arms, names, study.system.unit, _base_name if names_only else tree.name)


def _base_name(file: str) -> str:
    """Name a file without its folders: what two different source trees have in common."""
    return file if file.startswith("<") else PurePath(file).name


def stretches_of_run(study: Study, variant: str) -> list[Stretch]:
    """Return the profiled stretches of a variant in a run: pairs captured beside another variant, else its profile.

    A profile's samples are joined with the CPU per unit of the unwatched stretches on both sides of it. Raises
    NotComparable when the run has no capture of the variant.
    """
    found = [load_stretch(path.parent) for path in _captured(study, variant)]
    if found:
        return found
    path = study.run.folder("profiles") / _file_name(variant) / CAPTURE
    name = f"profile-{variant}-pyspy"
    if not path.is_file() or not facts_path(study, name).exists():
        raise NotComparable(
            f"Run {study.run.id} has no py-spy capture of {variant}",
            "",
            f"Make one with: perflab profile --variant {variant}",
        )
    capture, trial = load_capture(path), read_trial(study, name)
    start = trial.facts.go_ns + int(trial.spec.segments[0].settle_s * NS)
    spans = [Window(start, capture.started_ns)] if capture.started_ns > start + NS else []
    after = path.with_name("pyspy-wall.capture.json")
    if after.is_file():  # the next capture begins where the stretch after this one ends
        end = capture.started_ns + int(capture.window_s * NS)
        spans += [Window(end, began)] if (began := load_capture(after).started_ns) > end + NS else []
    parts = [_work(study, trial, span) for span in spans or [Window(start, trial.facts.end_ns)]]
    return [stretch_of(capture, [(sum(cpu_s for cpu_s, _ in parts), sum(units for _, units in parts))])]


def load_of_run(study: Study, variant: str) -> str:
    """Return under which load the stretches of a variant were captured, in words, users and options of its trial."""
    captured = _captured(study, variant)
    number = captured[0].parent.parent.name.partition("-")[0] if captured else ""
    name = _trial_name(int(number), variant) if captured else f"profile-{variant}-pyspy"
    path = facts_path(study, name)
    if not path.exists():
        return "an unknown load"  # stretches_of_run says what is missing where nothing was captured at all
    spec = json.loads(path.read_text(encoding="utf-8"))["spec"]
    options = "".join(f", {key} {value:g}" for key, value in sorted(spec["options"].items()))
    return f"{max(users for _, users in spec['steps'])} users{options}"


def _explain(
    study: Study, names: tuple[str, str], folders: list[Path], trials: tuple[str, ...], problems: tuple[str, ...]
) -> Why:
    """Compare the pairs of which both captures are whole, and write the pictures into the run."""
    whole = [folder for folder in folders if all(_ready(folder / _file_name(name)) for name in names)]
    if not whole:
        raise InstrumentFailure("P201", "no pair of captures of both variants", "", "; ".join(problems))
    arms = tuple([load_stretch(folder / _file_name(name)) for folder in whole] for name in names)
    own, leaf, flame = compared(study, (arms[0], arms[1]), names)
    stem = f"why-{_file_name(names[0])}-{_file_name(names[1])}"
    page, picture = study.run.folder("profiles") / f"{stem}.html", study.run.folder("figures") / f"{stem}.svg"
    write_atomic(page, difference_page(flame, (own, leaf)))
    write_atomic(picture, difference_svg(flame))
    title = f"CPU per {study.system.unit} of {names[1]}, coloured by the change from {names[0]}"
    pictures = (
        Evidence(kind="figure", path=f"figures/{stem}.svg", title=title, alt=described(flame)),
        Evidence(kind="profile", path=f"profiles/{stem}.html", title=f"{names[0]} against {names[1]}, all functions"),
    )
    return Why(*names, study.system.unit, own, leaf, flame, trials, pictures, problems)


def _round(study: Study, number: int, windows: int, names: tuple[str, str]) -> list[str]:
    """Run both variants once, side by side, with `windows` profiled stretches; return what went wrong."""
    folders = [_folder(study, number, window) for window in range(windows)]
    arms = [_Arm(name, [folder / _file_name(name) for folder in folders]) for name in names]
    gate = threading.Barrier(len(arms))

    def run(arm: _Arm) -> Trial:
        try:
            return run_trial(
                study,
                _spec(study, number, arm.variant, windows),
                during=lambda running: _watch(study, running, arm, gate),
                again=True,
            )
        except PerflabError:
            gate.abort()  # the other one must not wait for it
            raise

    # One thread for each arm lives until its trial is over, which keeps the death signal of its processes valid.
    with ThreadPoolExecutor(len(arms)) as pool:
        trials = list(pool.map(run, arms))
    for arm, trial in zip(arms, trials, strict=True):
        rate = _units_per_s(study, trial, _last_end_ns(arm))
        for parts, folder in zip(arm.bare, arm.folders, strict=False):
            if (folder / CAPTURE).is_file():
                save_work(folder, [(cpu_s, rate * seconds) for seconds, cpu_s in parts], study.system.unit)
    return [problem for arm in arms for problem in arm.problems]


def _watch(study: Study, running: RunningSystem, arm: _Arm, gate: threading.Barrier) -> bool:
    time.sleep(SETTLE_S)
    process = running.processes[study.system.system_processes[0].name]
    target = Target(source_root(study), pid=process.pid, log_path=process.log_path, cores=study.cores.others)
    try:
        for folder in arm.folders:
            folder.mkdir(parents=True, exist_ok=True)
            gate.wait(WAIT_S)
            arm.bare.append([_unwatched(process.pid) for _ in range(BARE_PARTS)])
            gate.wait(WAIT_S)
            PySpy("gil", min_samples=MIN_SAMPLES).capture(target, WINDOW_S, folder)
    except threading.BrokenBarrierError:
        arm.problems.append(f"{arm.variant}: the other variant broke off")
    except InstrumentFailure as error:
        gate.abort()
        arm.problems.append(f"{arm.variant}: {error}")
    return False


def _unwatched(pid: int) -> tuple[float, float]:
    """Let the process run alone; return the seconds that passed and the CPU seconds that it used."""
    began, used = time.monotonic(), process_cpu_s(pid)
    time.sleep(BARE_S)
    spent = process_cpu_s(pid) - used
    return time.monotonic() - began, spent


def _last_end_ns(arm: _Arm) -> int:
    """Return when the last whole window of an arm ended; 0 when there is none."""
    captures = [load_capture(folder / CAPTURE) for folder in arm.folders if (folder / CAPTURE).is_file()]
    return max((capture.started_ns + int(capture.window_s * NS) for capture in captures), default=0)


def _units_per_s(study: Study, trial: Trial, end_ns: int) -> float:
    """Return units per second of the settled load up to the last window's end: one stretch is too short to count in.

    What follows, the closing of the load, does fewer units: they would make each unit look dearer.
    """
    start_ns = trial.facts.go_ns + int(SETTLE_S * NS)
    if end_ns <= start_ns:
        return 0.0
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    span = Window(start_ns, min(end_ns, trial.facts.end_ns))
    return units_done(rows, span) / span.seconds


def _work(study: Study, trial: Trial, span: Window) -> tuple[float, float]:
    """Return (CPU seconds of the profiled process, units done) of a stretch."""
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    return cpu_in_window(trial, study.system.system_processes[0].name, span), units_done(rows, span)


def _length(windows: int) -> float:
    return SETTLE_S + windows * (BARE_PARTS * BARE_S + WINDOW_S + SLACK_S)


def _spec(study: Study, number: int, variant: str, windows: int) -> TrialSpec:
    length = _length(windows) + 10.0  # the load ends when the last window does
    return TrialSpec(
        name=_trial_name(number, variant),
        variant=variant,
        steps=((0.0, USERS), (length, 0)),
        duration_s=length,
        segments=(Segment("why", 0.0, length, USERS, SETTLE_S),),
        block=number,
        arm=variant,
        seed=study.seed * 1000 + 500 + number,
        options=OPTIONS,
        drain_s=DRAIN_S,
    )


def _trial_name(number: int, variant: str) -> str:
    return f"why-{number}-{_file_name(variant)}"


def _file_name(variant: str) -> str:
    return variant.replace("=", "-").replace("+", "-")


def _folder(study: Study, number: int, window: int) -> Path:
    return study.run.folder("profiles") / FOLDER / f"{number}-{window}"


def _captured(study: Study, variant: str) -> list[Path]:
    found = sorted((study.run.folder("profiles") / FOLDER).glob(f"*/{_file_name(variant)}/{CAPTURE}"))
    return [path for path in found if _ready(path.parent)]


def _ready(folder: Path) -> bool:
    return (folder / CAPTURE).is_file() and (folder / WORK).is_file()


def _complete(study: Study, number: int, windows: int, names: tuple[str, str]) -> bool:
    """Whether a resumed run has this round already, both arms whole."""
    folders = [_folder(study, number, window) / _file_name(name) for window in range(windows) for name in names]
    return all(_ready(folder) for folder in folders) and all(
        facts_path(study, _trial_name(number, name)).exists() for name in names
    )
