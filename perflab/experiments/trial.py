"""A trial: one fresh system, one load run, and every row that they leave; the unit of inference."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import RunCorrupt, UsageError
from perflab.experiments.side_by_side import SideBySide
from perflab.experiments.study import Study
from perflab.instrument.core_time import cores_interrupted_s, cores_ran_s
from perflab.instrument.cpu_clock import tree_cpu_s
from perflab.instrument.noise import Canary, NoiseReading, NoiseWindow, run_canary
from perflab.load.plan import LoadPlan
from perflab.runs import write_atomic
from perflab.system.launch import RunningSystem, Wrap, launch

if TYPE_CHECKING:
    import pandas as pd

NS = 1_000_000_000
QUIET_S = 0.2


@dataclass(frozen=True)
class Segment:
    """A stretch of a load run that is judged on its own; at least the first `settle_s` of it are warm-up."""

    scenario: str
    start_s: float
    end_s: float
    users: int
    settle_s: float = 0.0


@dataclass(frozen=True)
class TrialSpec:
    """What one trial does; its name is unique in the run and names its files."""

    name: str
    variant: str
    steps: tuple[tuple[float, int], ...]
    duration_s: float
    segments: tuple[Segment, ...]
    block: int = 0
    arm: str = ""
    users: dict[str, float] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    seed: int = 7
    arrivals_per_s: float = 0.0
    plant: str = ""
    options: dict[str, float] = field(default_factory=dict)
    drain_s: float = 6.0
    workers: int = 1
    remote_workers: int = 0
    bind: str = "127.0.0.1"  # HOST or HOST:PORT at which remote workers join


@dataclass(frozen=True)
class TrialFacts:
    """What is known of a whole trial besides its rows."""

    spec: TrialSpec
    go_ns: int
    end_ns: int
    cpu_s: dict[str, float]  # by process, between go and end
    generator: dict[str, float]
    shared_core: bool
    run_delay_share: float  # of the system: time runnable but not running / (running + runnable)
    notes: dict[str, Any]  # what the load file wants known, such as where its speech is from
    pressure_before: float  # share of a moment before the trial in which somebody waited for a CPU
    disturbance: dict[str, float] = field(default_factory=dict)  # during the load; {} = of a time before it was kept
    settled_s: tuple[float, ...] = ()  # by segment: its warm-up as found, never shorter than declared; () = as declared
    cores: dict[str, list[int]] = field(default_factory=dict)  # where "system", "generator" could run; {} = not kept


@dataclass(frozen=True)
class Trial:
    """A finished trial: its rows as pandas frames, and its facts."""

    facts: TrialFacts
    units: pd.DataFrame
    resources: pd.DataFrame
    lateness: pd.DataFrame

    @property
    def spec(self) -> TrialSpec:
        """What the trial did."""
        return self.facts.spec

    def settle_s(self, segment: Segment) -> float:
        """Return after how many seconds of a segment of this trial its judged part begins."""
        found = dict(zip(self.spec.segments, self.facts.settled_s, strict=False))
        return found.get(segment, segment.settle_s)

    def system_cpu_s(self) -> float:
        """Return the CPU seconds of all processes with role "system"."""
        roles = self.resources.drop_duplicates("process").set_index("process")["role"]
        return sum(cpu for name, cpu in self.facts.cpu_s.items() if roles.get(name) == "system")


def run_trial(
    study: Study,
    spec: TrialSpec,
    *,
    wrap: dict[str, Wrap] | None = None,
    during: Callable[[RunningSystem], bool] | None = None,
    again: bool = False,
    on_tick: Callable[[float], None] | None = None,
    meeting: SideBySide | None = None,
) -> Trial:
    """Run a trial, or read it back when this run has it already (a resumed run measures nothing twice).

    Raises UsageError where the run has a trial of that name that did something else: two settings in one comparison.
    The load generator's own start overlaps the system's; users come only when both are ready. `during` runs beside
    the load (a profiler), which ends with it; it returns whether it has ended the system, on purpose.
    `again` measures even when the run has the trial. `on_tick` gets the seconds since the load began, about twice
    a second. `meeting`: where it waits for a place to start in, and then for the arms that go with it.
    """
    spec = replace(spec, plant=spec.plant or study.run.manifest.planted)  # what the page says of the run holds for all
    if facts_path(study, spec.name).exists() and not again:
        return _kept(study, spec)
    from perflab.experiments.collect_trial import Observed, collect
    from perflab.experiments.self_report import keep
    from perflab.instrument.resources import ResourceSampler
    from perflab.load.runner import start_load

    if meeting:
        meeting.begin()
    folder = study.run.folder("trials") / spec.name
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted attempt left would be read as this one's
    quiet = _quiet(NoiseWindow())
    load = start_load(load_plan(study, spec, folder), study.load_file, cores=study.cores.others)
    try:
        with (
            launch(
                study.system,
                study.variant(spec.variant),
                folder,
                conditions=study.system.conditions(**spec.conditions),
                seed=spec.seed,
                cores=study.cores,
                wrap=wrap,
                plant=spec.plant,
            ) as running,
            ResourceSampler(running.watched()) as sampler,
        ):
            if meeting:
                load.wait_ready()
                meeting.go()
            window, before = NoiseWindow(canary_rounds=1), _cpu_now(running)
            ran_before = core_readings(study.cores.system)
            load.go(endpoints=running.endpoints)
            ended = bool(during and during(running))
            stop_early = during is not None
            result = load.wait(
                on_tick=lambda elapsed: _tick(running, None if ended else on_tick, elapsed, ended),
                should_stop=lambda: stop_early,
            )
            after, ran_after, seen = _cpu_now(running), core_readings(study.cores.system), window.read()
            keep(folder, "" if ended else running.metrics_url)
        cpu_s = {name: after[name] - before[name] for name in before.keys() & after.keys()}
        own_s = system_ran_s(running.watched(), before, sampler.reached_cpu_s() | after)
        noise = disturbance(seen, quiet.canary, run_canary()) | core_account(ran_before, ran_after, own_s)
        return collect(study, spec, folder, Observed(result, sampler, cpu_s, quiet.pressure or 0.0, noise))
    finally:
        load.kill()


def _kept(study: Study, spec: TrialSpec) -> Trial:
    """Return the trial of that name that the run has, if it did what is asked of it now; raises UsageError."""
    kept, asked = read_trial(study, spec.name), _spec(json.loads(json.dumps(asdict(spec))))
    other = [f.name for f in fields(TrialSpec) if getattr(kept.spec, f.name) != getattr(asked, f.name)]
    if other:
        raise UsageError(
            f"Trial {spec.name} of run {study.run.id} was measured with other settings ({', '.join(other)})",
            "a run measures each trial once, at one effort",
            "Start a new run",
        )
    return kept


def _quiet(window: NoiseWindow) -> NoiseReading:
    """Return what the machine did in a moment before anything of ours starts, with a canary at its end."""
    time.sleep(QUIET_S)
    return window.read()


def disturbance(reading: NoiseReading, before: Canary, after: Canary) -> dict[str, float]:
    """Return what the machine did to a load run: the share stolen, seconds throttled, how much slower the canary ran.

    `before`, `after`: fixed work, timed while nothing of ours ran (during the load it would tell of ourselves).
    `canary`: the slower of their walls over the faster of their CPU times: 1 = neither waited, nor did the core slow.
    """
    slowest, fastest = max(before.wall_ms, after.wall_ms), min(before.cpu_ms, after.cpu_ms)
    return {"steal": reading.steal, "throttled_s": reading.throttled_s, "canary": slowest / max(fastest, 1e-6)}


def system_ran_s(watched: dict[str, tuple[str, int]], before: dict[str, float], reached: dict[str, float]) -> float:
    """Return the CPU seconds of all processes with role "system" between two readings by name.

    `reached`: the second reading; of what a profiler has ended meanwhile, the last that the sensor saw of it.
    """
    names = [name for name, (role, _) in watched.items() if role == "system" and name in before]
    return sum(max(reached.get(name, 0.0) - before[name], 0.0) for name in names)


def core_readings(cores: Iterable[int]) -> dict[str, float]:
    """Return what the kernel has booked on some cores since boot, s; {} where it does not tell of one of them."""
    wanted = list(cores)
    ran, interrupted = cores_ran_s(wanted), cores_interrupted_s(wanted)
    return {} if ran is None or interrupted is None else {"core_ran_s": ran, "core_interrupted_s": interrupted}


def core_account(before: dict[str, float], after: dict[str, float], own_s: float) -> dict[str, float]:
    """Return for how many seconds of the load the system's cores ran anything, handled interrupts, ran the system.

    `before`, `after`: `core_readings`. {} where one of them does not tell.
    """
    if not (before and after):
        return {}
    return {name: after[name] - before[name] for name in after} | {"core_own_s": own_s}


def _cpu_now(running: RunningSystem) -> dict[str, float]:
    """Return the CPU seconds so far of every process that still runs, with those that it started."""
    return {p.name: tree_cpu_s(p.pid) for p in running.processes.values() if p.popen.poll() is None}


def _tick(running: RunningSystem, on_tick: Callable[[float], None] | None, elapsed: float, ended: bool) -> None:
    if not ended:
        running.check_alive()
    if on_tick:
        on_tick(elapsed)


def load_plan(study: Study, spec: TrialSpec, folder: Path) -> LoadPlan:
    """Return the load plan of a trial; endpoints are filled in when the system is up."""
    system = study.system
    return LoadPlan(
        name=spec.name,
        host="",
        endpoints={},
        users=spec.users or {system.load.primary: 1.0},
        primary=system.load.primary,
        steps=spec.steps,
        duration_s=spec.duration_s,
        out_dir=str(folder),
        seed=spec.seed,
        arrivals_per_s=spec.arrivals_per_s,
        flags=study.variant(spec.variant).flags,
        conditions=system.conditions(**spec.conditions),
        options={**system.load.options, **spec.options},
        drain_s=spec.drain_s,
        workers=spec.workers,
        remote_workers=spec.remote_workers,
        bind=spec.bind,
    )


def facts_path(study: Study, name: str) -> Path:
    """Return where a trial's facts lie; the file is written last, so that it marks a whole trial."""
    return study.run.folder("samples") / f"trial.{name}.json"


def group_name(trial: str) -> str:
    """Return the name of a trial's group of samples."""
    return trial.replace("/", "_")


def save_facts(study: Study, facts: TrialFacts) -> None:
    """Write a trial's facts."""
    write_atomic(facts_path(study, facts.spec.name), json.dumps(asdict(facts), indent=1))


def read_trial(study: Study, name: str) -> Trial:
    """Return a finished trial of this run; raises RunCorrupt naming the file that cannot be read."""
    from perflab.samples.store import SampleStore

    path = facts_path(study, name)
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        settled = tuple(body.get("settled_s", ()))
        facts = TrialFacts(**{**body, "spec": _spec(body["spec"]), "settled_s": settled})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunCorrupt(
            f"Trial {name} cannot be read ({type(error).__name__}: {error})", "", f"Delete {path} to measure it again"
        ) from None
    store = SampleStore(study.run.folder("samples"))
    return Trial(facts, *(store.read_group(table, group_name(name)) for table in ("units", "resources", "lateness")))


def _spec(body: dict[str, Any]) -> TrialSpec:
    segments = tuple(Segment(**segment) for segment in body["segments"])
    steps = tuple((float(at), int(users)) for at, users in body["steps"])
    return TrialSpec(**{**body, "segments": segments, "steps": steps})
