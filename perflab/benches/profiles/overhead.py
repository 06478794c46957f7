"""Bar 7: what each instrument costs the loaded gateway in CPU per turn, beside unprofiled twins in the same seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.errors import InstrumentFailure
from perflab.experiments.profile import source_root
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import Window, system_cpu_in_window, units_done
from perflab.instrument.interface import Capture, Target
from perflab.instrument.memray import Memray
from perflab.instrument.overhead import LIMITS, MAX_DRIFT
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.system.launch import RunningSystem

ORDER = 70
SETTLE_S, WINDOW_S, EDGE_S = 5.0, 20.0, 0.5
USERS = 4  # for each twin: four twins then leave the system's core some idle time
MIN_SAMPLES, MAX_PAUSE_MS = 200, 500.0
TWINS = ("twin-1", "twin-2")
Anyone = PySpy | Scalene | Memray
# in groups, as more twins would fill the core; attaching has one of its own, as its pause grows with a full machine
GROUPS: tuple[dict[str, Anyone], ...] = (
    {"pyspy": PySpy("gil"), "scalene-cpu": Scalene(min_samples=0)},
    {"scalene-full": Scalene(memory=True, min_samples=0), "memray": Memray("launch")},
    {"memray-attach": Memray("attach")},
)


@dataclass
class Group:
    """What was seen of some instruments and two unprofiled twins: CPU milliseconds per turn by arm."""

    cost: dict[str, float] = field(default_factory=dict)
    captures: dict[str, Capture] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> float:
        """Mean of the twins."""
        return sum(self.cost[name] for name in TWINS) / len(TWINS)

    @property
    def drift(self) -> float:
        """Difference of the twins, as a share: what no instrument explains."""
        return abs(self.cost[TWINS[0]] - self.cost[TWINS[1]]) / self.base


def bars(say: Say) -> list[Bar]:
    """Measure the groups one after another and return the bars."""
    study = bench_study()
    groups = [_measure(study, f"g{number}", arms, say) for number, arms in enumerate(GROUPS)]
    found = [_ratio(group, name) for group, arms in zip(groups, GROUPS, strict=True) for name in arms]
    sampled = groups[0].captures.get("scalene-cpu")
    attached = groups[-1].captures.get("memray-attach")
    pause = 1e3 * max(attached.pauses_s) if attached else None
    study.run.update(status="done")
    return [
        *found,
        Bar("7.samples", "samples that scalene took in the window", _samples(sampled), ">=",
            float(MIN_SAMPLES), "samples", detail={"cpu_s": sampled.cpu_s if sampled else None}),
        Bar("7.pause", "longest stop by attaching and detaching memray", pause, "<=", MAX_PAUSE_MS, "ms",
            detail={"pauses_s": attached.pauses_s if attached else groups[-1].problems}),
        Bar("7.twins", "difference between unprofiled twins", 100 * max(g.drift for g in groups), "<=",
            100 * MAX_DRIFT, "%", len(groups)),
    ]  # fmt: skip


def _ratio(group: Group, name: str) -> Bar:
    limit = LIMITS[name if name in LIMITS else name.split("-")[0]]
    value = group.cost[name] / group.base if name in group.captures else None
    detail: dict[str, Any] = {"cpu_ms_per_turn": group.cost, "problem": group.problems.get(name, "")}
    if capture := group.captures.get(name):
        detail |= {"run_delay": capture.run_delay, "rate_hz": capture.rate_hz, "units": capture.work_units}
    return Bar(f"7.{name}", f"CPU per turn under {name}", value, "<=", limit, "times", detail=detail)


def _samples(capture: Capture | None) -> float | None:
    if capture is None:
        return None
    import json

    stacks = json.loads(capture.path("json").read_text(encoding="utf-8"))["stacks"]
    return float(sum(int(weights["count"]) for _, weights in stacks))


def _measure(study: Study, label: str, arms: dict[str, Anyone], say: Say) -> Group:
    """Start every twin at once; all windows begin together, when the slowest has settled."""
    names = [*TWINS, *arms]
    say(f"{', '.join(names)} side by side for {WINDOW_S:.0f} s ...")
    group, gate = Group(), threading.Barrier(len(names))
    began: list[int] = []
    with ThreadPoolExecutor(len(names)) as pool:
        jobs = {
            name: pool.submit(_twin_or_nobody, study, f"{label}-{name}", arms.get(name), gate, began) for name in names
        }
        trials: dict[str, Trial] = {}
        raise_first(list(jobs.values()))
        for name, job in jobs.items():
            trials[name], capture, problem = job.result()
            if problem:
                group.problems[name] = problem
            elif capture:
                group.captures[name] = capture
    start = max(began)
    span = Window(start + int(EDGE_S * NS), start + int((WINDOW_S - EDGE_S) * NS))
    group.cost = {name: _cost(study, trial, span) for name, trial in trials.items()}
    say("  CPU ms per turn: " + ", ".join(f"{name} {cost:.1f}" for name, cost in group.cost.items()))
    return group


def raise_first(jobs: Sequence[Future[Any]]) -> None:
    """Raise what made a twin fail, once all have ended; that the others waited for it in vain says nothing."""
    errors = [error for job in jobs if (error := job.exception())]
    causes = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
    if errors:
        raise (causes or errors)[0]


def _cost(study: Study, trial: Trial, span: Window) -> float:
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    return 1e3 * system_cpu_in_window(trial, study.system, span) / units_done(rows, span)


def _twin_or_nobody(
    study: Study, name: str, instrument: Anyone | None, gate: threading.Barrier, began: list[int]
) -> tuple[Trial, Capture | None, str]:
    """Run a twin; where it fails the others, which would wait for it, end too."""
    try:
        return _twin(study, name, instrument, gate, began)
    except BaseException:
        gate.abort()
        raise


def _twin(
    study: Study, name: str, instrument: Anyone | None, gate: threading.Barrier, began: list[int]
) -> tuple[Trial, Capture | None, str]:
    process = study.system.system_processes[0].name
    folder, root = study.run.folder("profiles") / name, source_root(study)
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Capture] = []
    problems: list[str] = []
    wraps = instrument is not None and not _attaches(instrument)

    def during(running: RunningSystem) -> bool:
        time.sleep(SETTLE_S)
        gate.wait(60)
        began.append(time.monotonic_ns())
        if instrument is None:
            time.sleep(WINDOW_S)
            return False
        target = Target(
            root,
            pid=running.processes[process].pid,
            log_path=running.processes[process].log_path,
            cores=study.cores.others,
        )
        try:
            kept.append(instrument.capture(target, WINDOW_S, folder))
        except InstrumentFailure as error:
            problems.append(str(error))
        return wraps

    wrap = {process: lambda argv, env: instrument.wrap(argv, env, folder, root)} if wraps else None  # type: ignore[union-attr]
    trial = run_trial(study, _spec(study, name), wrap=wrap, during=during, again=True)
    return trial, kept[0] if kept else None, "; ".join(problems)


def _attaches(instrument: Anyone) -> bool:
    return isinstance(instrument, PySpy) or (isinstance(instrument, Memray) and instrument.mode == "attach")


def _spec(study: Study, name: str) -> TrialSpec:
    length = SETTLE_S + WINDOW_S + 40.0
    steps: Sequence[tuple[float, int]] = ((0.0, USERS), (length, 0))
    return TrialSpec(
        name=f"overhead-{name}",
        variant="baseline",
        steps=tuple(steps),
        duration_s=length,
        segments=(Segment("overhead", 0.0, length, USERS, SETTLE_S),),
        seed=study.seed,
        drain_s=2.0,
    )
