"""Profile a variant under light load, one instrument at a time, each between stretches that nobody watches."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import InstrumentFailure, SystemFailure
from perflab.experiments.effort import Effort
from perflab.experiments.study import Study
from perflab.experiments.tables import stage_rows
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import Window, cpu_in_window, judged_rows, units_done
from perflab.instrument.growth import capture_growth, judge_growth
from perflab.instrument.interface import Capture, Instrument, Target
from perflab.instrument.kept_tables import keep_table
from perflab.instrument.leak import Growth
from perflab.instrument.overhead import Bracket
from perflab.instrument.table import ProfileTable
from perflab.system.launch import RunningSystem

if TYPE_CHECKING:
    import pandas as pd

SETTLE_S = 4.0
ATTACHING_S = 12.0  # a debugger attaches memray twice and detaches it twice: mostly under 1 s each
SHORTEST_BARE_S = 4.0  # beside an instrument of another process: one second is too short
PROFILED_USERS = 25  # instruments are never put on a live system with more load than this


@dataclass
class ProfilePass:
    """One started system with what was seen on it: unwatched stretches, watched ones, captures and problems.

    `taken` are captures that are not parsed yet: nothing of ours computes beside a system that is measured.
    """

    name: str
    trial: Trial | None = None
    unwatched: list[Window] = field(default_factory=list)
    watched: dict[str, Window] = field(default_factory=dict)
    taken: list[tuple[Instrument, Capture]] = field(default_factory=list)
    captures: dict[str, tuple[Capture, ProfileTable]] = field(default_factory=dict)
    rendered: list[Path] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)  # (instrument, one line with code and remedy)
    growth: tuple[Growth, ...] | None = None  # None = nobody could look


def sampled_pass(study: Study, sizes: Effort, variant: str = "baseline") -> ProfilePass:
    """Run the system unwatched, under py-spy's GIL view, unwatched, under its wall view, unwatched; then for growth.

    Each view stands between two unwatched stretches of half its length, of which the middle one belongs to both.
    """
    from perflab.instrument.pyspy import PySpy

    done, length = ProfilePass("py-spy"), sizes.profile_window_s
    grown: list[Capture] = []

    def during(running: RunningSystem) -> bool:
        time.sleep(SETTLE_S)
        target = _target(study, running)
        done.unwatched.append(_stretch(length / 2))
        for number, instrument in enumerate((PySpy("gil"), PySpy("wall"))):
            study.progress("profile", number, 3, f"{instrument.name} {instrument.view}")
            _capture(instrument, target, length, _folder(study, variant), done)
            done.unwatched.append(_stretch(length / 2))
        if sizes.growth_window_s:
            grown.extend(_look_for_growth(study, target, sizes, variant, done))
        return False

    growth_s = 3 * sizes.growth_window_s + ATTACHING_S if sizes.growth_window_s else 0.0
    total = SETTLE_S + 3.5 * length + 8.0 + growth_s
    done.trial = run_trial(study, _spec(study, variant, f"profile-{variant}-pyspy", total), during=during, again=True)
    _keep(study, done)
    if grown:
        _judge_growth(grown, study, done)
    return done


def launched_pass(study: Study, sizes: Effort, instrument: Any, variant: str = "baseline") -> ProfilePass:
    """Run a fresh system under an instrument that wraps its command and writes when the process ends.

    A system that cannot run under the instrument (too slow to get ready, or it ends) is the instrument's problem with
    its remedy: it runs well without, and what others saw of it stands.
    """
    done = ProfilePass(f"{instrument.name}-{instrument.view}")
    folder, root = _folder(study, variant), source_root(study)
    name = profiled_process(study)
    spec = _spec(study, variant, f"profile-{variant}-{done.name}", SETTLE_S + sizes.profile_window_s + 20.0)

    def during(running: RunningSystem) -> bool:
        time.sleep(SETTLE_S)
        _capture(instrument, _target(study, running), sizes.profile_window_s, folder, done)
        return True

    try:
        wrap = {name: lambda argv, env: instrument.wrap(argv, env, folder, root)}
        done.trial = run_trial(study, spec, wrap=wrap, during=during, again=True)
        _keep(study, done)
    except (InstrumentFailure, SystemFailure) as error:
        done.problems.append((instrument.name, str(error)))
    return done


def bare_pass(study: Study, sizes: Effort, number: int, variant: str = "baseline") -> ProfilePass:
    """Run a fresh system that nobody watches: one side of the brackets of the launched instruments around it."""
    length = max(SHORTEST_BARE_S, sizes.profile_window_s / 2)
    done = ProfilePass(f"bare-{number}")

    def during(running: RunningSystem) -> bool:
        time.sleep(SETTLE_S)
        done.unwatched.append(_stretch(length))
        return False

    spec = _spec(study, variant, f"profile-{variant}-{done.name}", SETTLE_S + length + 8.0)
    done.trial = run_trial(study, spec, during=during, again=True)
    return done


def launched_passes(study: Study, sizes: Effort, variant: str = "baseline") -> list[ProfilePass]:
    """Run memray, then scalene for CPU, and at full effort scalene for memory, each on a fresh system.

    A bare run follows each of them at full effort, and the last of them at quick, where they share one bracket.
    """
    from perflab.instrument.memray import Memray
    from perflab.instrument.scalene import Scalene

    instruments: list[Any] = [Memray("launch"), Scalene(), *([Scalene(memory=True)] if sizes.scalene_memory else [])]
    passes = []
    for number, instrument in enumerate(instruments, 1):
        study.progress("profile", number, len(instruments), f"{instrument.name} {instrument.view}")
        passes.append(launched_pass(study, sizes, instrument, variant))
        if sizes.bare_each or number == len(instruments):
            study.progress("profile", number, len(instruments), "unwatched, a fresh system")
            passes.append(bare_pass(study, sizes, number, variant))
    return passes


def brackets(study: Study, passes: Sequence[ProfilePass]) -> dict[str, Bracket]:
    """Return CPU per unit under each instrument, with that of the nearest unwatched stretches before and after it.

    Of a launched instrument they are those of other processes: the last stretch of the pass before it that has one,
    the first of the pass after it; what differs from start to start is then in its drift.
    """
    found: dict[str, Bracket] = {}
    bare = sorted(((span, each) for each in passes for span in each.unwatched), key=lambda item: item[0].start_ns)
    for each in passes:
        for name, span in each.watched.items():
            before = next((item for item in reversed(bare) if item[0].end_ns <= span.start_ns), None)
            after = next((item for item in bare if item[0].start_ns >= span.end_ns), None)
            if before is None or after is None:
                continue
            sides = [_cost_s(study, of, [one]) for one, of in (before, (span, each), after)]
            if all(math.isfinite(side) and side > 0 for side in sides):
                found[name] = Bracket(*sides)
    return found


def _cost_s(study: Study, done: ProfilePass, spans: list[Window]) -> float:
    return math.nan if done.trial is None else cpu_ms_per_unit(study, done.trial, spans) / 1e3


def _spec(study: Study, variant: str, name: str, length: float) -> TrialSpec:
    users = min(study.sizes.profile_users, PROFILED_USERS)
    return TrialSpec(
        name=name,
        variant=variant,
        steps=((0.0, users), (length, 0)),
        duration_s=length,
        segments=(Segment("profile", 0.0, length, users, SETTLE_S),),
        seed=study.seed,
        drain_s=5.0,
        plant=study.run.manifest.planted,
    )


def _look_for_growth(study: Study, target: Target, sizes: Effort, variant: str, done: ProfilePass) -> list[Capture]:
    """Capture two windows of the live system, after everything else that is measured on it."""
    study.progress("profile", 2, 3, "memray, attached twice")
    small = sizes.name == "full"
    try:
        return capture_growth(target, _folder(study, variant), sizes.growth_window_s, small)
    except InstrumentFailure as error:
        done.problems.append(("memray-attach", str(error)))
        return []


def _judge_growth(captures: list[Capture], study: Study, done: ProfilePass) -> None:
    try:
        done.growth = judge_growth(captures, source_root(study))
    except InstrumentFailure as error:
        done.problems.append(("memray-attach", str(error)))


def _target(study: Study, running: RunningSystem) -> Target:
    process = running.processes[profiled_process(study)]
    return Target(source_root(study), pid=process.pid, log_path=process.log_path, cores=study.cores.others)


def _capture(instrument: Instrument, target: Target, length: float, folder: Path, done: ProfilePass) -> None:
    """Capture; what fails is a problem with its code, never an empty table."""
    try:
        capture = instrument.capture(target, length, folder)
    except InstrumentFailure as error:
        done.problems.append((f"{instrument.name}-{instrument.view}", str(error)))
        return
    done.watched[capture.name] = _watched(capture, length)
    done.taken.append((instrument, capture))


def _keep(study: Study, done: ProfilePass) -> None:
    """Parse and render what was captured, now that the system has ended, and count the units of work in it.

    The instrument's own page is written by a process of its own meanwhile, on the core that the system has left.
    """
    for instrument, capture in done.taken:
        try:
            with ThreadPoolExecutor(1) as pool:
                pages = pool.submit(instrument.render, capture, capture.folder)
                table, kept = keep_table(instrument, capture, source_root(study))
                done.captures[capture.name] = kept, table
                done.rendered += pages.result()
        except InstrumentFailure as error:
            done.problems.append((capture.name, str(error)))
    _count_units(study, done)


def _count_units(study: Study, done: ProfilePass) -> None:
    """Write into each saved capture how many units of work were done in its span: known only after the load."""
    assert done.trial is not None
    go_ns = done.trial.facts.go_ns
    rows = done.trial.units[done.trial.units["kind"] == study.system.load.unit_kind]
    for key, (capture, table) in done.captures.items():
        span = _span(capture, done.watched[key], go_ns)
        done.captures[key] = capture.counted(units_done(rows, span), study.system.load.unit_kind), table


def _watched(capture: Capture, length: float) -> Window:
    """Return when an instrument looked, preflight left out; under a launched memray, when its process was held."""
    seconds = min(capture.window_s, length) if _tracks_from_start(capture) else capture.window_s
    return Window(capture.started_ns, capture.started_ns + int(seconds * NS))


def _span(capture: Capture, watched: Window, go_ns: int) -> Window:
    """Return the span of what a capture counted: a launched memray tracks from the start of its process.

    Its bytes then hold the settling time too, so the units of that time belong to them; before GO there are none.
    """
    if not _tracks_from_start(capture):
        return watched
    return Window(min(go_ns, watched.end_ns - int(capture.window_s * NS)), watched.end_ns)


def _tracks_from_start(capture: Capture) -> bool:
    return capture.instrument == "memray" and capture.settings.get("mode") == "launch"


def _stretch(seconds: float) -> Window:
    start = time.monotonic_ns()
    time.sleep(seconds)
    return Window(start, time.monotonic_ns())


def _folder(study: Study, variant: str) -> Path:
    path = study.run.folder("profiles") / variant.replace("=", "-").replace("+", "-")
    path.mkdir(parents=True, exist_ok=True)
    return path


def source_root(study: Study) -> Path:
    """Return the folder whose functions a profile calls own."""
    return study.system.resolve(study.system.source or ".")


def profiled_process(study: Study) -> str:
    """Return the name of the process that instruments look at: the first one with role = "system"."""
    return study.system.system_processes[0].name


def cpu_ms_per_unit(study: Study, trial: Trial, spans: list[Window]) -> float:
    """Return CPU milliseconds of the profiled process for each unit of work; NaN where nothing was done.

    With its children, over some stretches of a trial. Shares of a profile are of its process, and what an instrument
    costs is paid there: the CPU of the system's other processes would be multiplied with the one and dilute the other.
    """
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    work = sum(units_done(rows, span) for span in spans)
    cpu = sum(cpu_in_window(trial, profiled_process(study), span) for span in spans)
    return 1e3 * cpu / work if work > 0 else float("nan")


def unwatched_rows(study: Study, sampled: ProfilePass) -> pd.DataFrame:
    """Return the units of work that lie whole in the unwatched stretches: no instrument is in their latency."""
    import pandas as pd

    assert sampled.trial is not None
    rows = judged_rows(sampled.trial, study.system.load.unit_kind)
    return pd.concat([rows[(rows["end_ns"] > s.start_ns) & (rows["end_ns"] < s.end_ns)] for s in sampled.unwatched])


def first_look(study: Study, sampled: ProfilePass) -> list[dict[str, Any]]:
    """Return the stages of a unit of work from the unwatched stretches."""
    return stage_rows(study, unwatched_rows(study, sampled))


def units_seen(study: Study, sampled: ProfilePass) -> dict[str, Any]:
    """Return how much work the pass saw, and which instrument failed on it.

    Work counts by when it ended: a system that an instrument slows below what it is asked for works through what was
    due before, and is at work all the same.
    """
    assert sampled.trial is not None
    trial = sampled.trial
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    settled_ns = trial.facts.go_ns + int(min(s.start_s + trial.settle_s(s) for s in trial.spec.segments) * NS)
    return {
        "done": int(((rows["outcome"] == "ok") & (rows["end_ns"] >= settled_ns)).sum()),
        "instruments": sorted(sampled.captures),
        "problems": [line for _, line in sampled.problems],
    }
