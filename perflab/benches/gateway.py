"""The bars of the reference system: response, CPU, capacity, generator, spike, start-up."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.echo_floor import echo_floor
from perflab.benches.parts import Keep, Say, check_names, keep_nothing, run_named
from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import trust_of
from perflab.experiments.ladder import Level, level_of
from perflab.experiments.matrix import run_matrix
from perflab.experiments.study import Study, create_run, reports_folder
from perflab.experiments.trial import Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import judged_rows, system_cpu_in_window, window
from perflab.runs import concluded
from perflab.samples.spans import reconcile, sum_ms
from perflab.stats.latency import sectioned_quantile
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system

SYSTEM = Path("data/systems/voice_gateway.toml")
HOLD_S, SETTLE_S = 24.0, 6.0
LIMIT_MS = 2000.0
MOST_FAILED = 0.01  # of the turns: response times of the rest are not those of the users
BASELINE_LADDER = (25, 50, 75, 100, 150)  # from where it surely holds: without a level of its own there is no ratio
OPTIMISED_LADDER = (200, 300, 400)


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the family (or the groups named in `only`) and return its bars."""
    groups = {
        "hundred": hundred_sessions,
        "capacity": capacity,
        "generator": generator,
        "spike": spike,
        "help": help_time,
    }
    check_names(only, groups)
    study = bench_study()
    with concluded(study.run):
        return run_named({name: partial(measure, study, say) for name, measure in groups.items()}, only, say, keep)


def bench_study() -> Study:
    """Return a study of the reference system in a run of its own below reports/bench."""
    system = load_system(SYSTEM if SYSTEM.exists() else reports_folder().parent / SYSTEM)
    cores = default_cores()
    stay_on(cores.others)
    run = create_run(system, str(system.path), "quick", 7, reports_folder() / "bench")
    return Study(run, system, "bench", "quick", 7, cores)


def _hold(study: Study, variant: str, users: int, say: Say, hold_s: float = HOLD_S) -> tuple[Trial, Level]:
    say(f"{variant}, {users} sessions for {hold_s:.0f} s ...")
    spec = TrialSpec(
        name=f"hold-{variant}-{users}", variant=variant, steps=((0.0, users), (hold_s, 0)), duration_s=hold_s,
        segments=(Segment("hold", 0.0, hold_s, users, SETTLE_S),), seed=study.seed, options={"think_s": 0.5},
    )  # fmt: skip
    trial = run_trial(study, spec)
    return trial, level_of(study, trial, "hold")


def hundred_sessions(study: Study, say: Say) -> list[Bar]:
    """Bars 1 and 2: response, added time and CPU of both variants at 100 voice sessions, fast profile.

    The floor (`echo_floor`) says what the frames alone cost on this machine. A saturated baseline cannot use more
    than its core, so the ratio of CPU is then a lower bound, and CPU per turn the fairer figure.
    """
    bars: list[Bar] = []
    cpu: dict[str, float] = {}
    per_turn: dict[str, float] = {}
    for variant in ("baseline", "optimised"):
        trial, level = _hold(study, variant, 100, say)
        title = f"{variant}: p95 voice response at 100 sessions"
        bars.append(response_bar(f"1.{variant}", title, level, doubts(trial, level)))
        cpu[variant] = 100 * system_cpu_in_window(trial, study.system, window(trial)) / window(trial).seconds
        per_turn[variant] = 10 * cpu[variant] / level.throughput_per_s
        if variant == "optimised":
            bars += _added(study, trial)
    say("an echo of the same frames: the floor ...")
    floor = echo_floor(study.cores.system[0], study.cores.others[0])
    share, ratio = cpu["optimised"], cpu["baseline"] / cpu["optimised"]
    say(f"  the echo takes {floor.cpu_percent:.1f} % of a core, the optimised gateway {share:.1f} %")
    detail = {"cpu_percent": cpu, "cpu_ms_per_turn": per_turn, "echo_floor_percent": floor.cpu_percent}
    return [
        *bars,
        Bar("2.cpu", "optimised: CPU at 100 sessions", share, "<=", 15, "% of a core", detail=detail),
        Bar("2.ratio", "CPU of baseline over optimised", ratio, ">=", 4, "times", detail=detail),
        Bar("2.turn", "CPU per turn of baseline over optimised", per_turn["baseline"] / per_turn["optimised"],
            ">=", 4, "times", detail=detail),
    ]  # fmt: skip


def doubts(trial: Trial, level: Level) -> list[str]:
    """Return why a level says nothing of its users: a refused measurement, or more than 1 % of the turns failed."""
    lost = level.failed > MOST_FAILED * level.finished
    return [*_refused(trial), *([f"{level.failed} of {level.finished} turns failed"] if lost else [])]


def _refused(trial: Trial) -> list[str]:
    """Return the checks that refuse a trial; that a saturated system waits for its core is what is measured here."""
    return [check.name for check in trust_of([trial], side_by_side=True) if check.veto and not check.passed]


def response_bar(id: str, title: str, level: Level, doubted: list[str]) -> Bar:
    """Return the bar of a level's p95, without value where the level or the measurement failed."""
    if level.p95 is None or doubted:
        reason = "; ".join(doubted) or "too few turns for a p95"
        return Bar(id, title, None, "<", LIMIT_MS, "ms", level.n, detail={"reason": reason})
    assert level.p95.low is not None and level.p95.high is not None
    detail = {"failed": level.failed, "finished": level.finished, "interval": "sectioning inside one run"}
    return Bar(id, title, level.p95.value, "<", LIMIT_MS, "ms", level.n, (level.p95.low, level.p95.high), detail)


def _added(study: Study, trial: Trial) -> list[Bar]:
    rows = judged_rows(trial, study.system.load.unit_kind)
    rows = rows[rows["outcome"] == "ok"]
    added = sum_ms(rows, next(s for s in study.system.spans.sum if s.role == "added"))
    added = added[np.isfinite(added)]
    try:
        bound = sectioned_quantile(added[added > 0], 0.99, 10 if len(added) >= 1000 else 5, log=True)
        interval = (bound.low or 0.0, bound.high or 0.0)
    except StatisticError as error:  # too few turns: the figure stands without interval, which is said
        interval, reason = None, str(error)
    else:
        reason = ""
    checks = reconcile(rows, study.system.spans)
    return [
        Bar("1.added", "optimised: time added by the gateway, p99", float(np.quantile(added, 0.99)), "<", 10, "ms",
            len(added), interval, {"p50_ms": float(np.median(added)), "reason": reason}),
        *(Bar("1.clocks", f"{c.name}: median apart from outside clocks", abs(c.median_ms), "<=", c.limit_ms, "ms", c.n)
          for c in checks),
    ]  # fmt: skip


@dataclass
class Climb:
    """A ladder of sessions: the highest level that held, the one that did not, and why it cannot be told, if so."""

    best: int = 0
    above: int | None = None  # None: the ladder ended first
    refused: str = ""
    rows: list[dict[str, float | int | None]] = field(default_factory=list)


def capacity(study: Study, say: Say) -> list[Bar]:
    """Bar 3: the highest level of sessions within the target on one core, of both variants."""
    return capacity_bars(
        _climb(study, "baseline", BASELINE_LADDER, say), _climb(study, "optimised", OPTIMISED_LADDER, say)
    )


def _climb(study: Study, variant: str, ladder: tuple[int, ...], say: Say) -> Climb:
    climb = Climb()
    for users in ladder:
        trial, level = _hold(study, variant, users, say)
        p95, facts = level.p95.value if level.p95 else None, trial.facts.generator
        row = {"users": users, "p95_ms": p95, "failed": level.failed, "late_p99_ms": facts["late_p99_ms"]}
        climb.rows.append(row | {"cpu_percent": level.cpu_percent, "generator_cpu": facts["cpu_percent"]})
        refused, lost = _refused(trial), level.failed > MOST_FAILED * level.finished
        if refused or p95 is None or p95 >= LIMIT_MS or lost:
            climb.above, climb.refused = users, "; ".join(refused)
            break
        climb.best = users
    return climb


def capacity_bars(baseline: Climb, optimised: Climb) -> list[Bar]:
    """Return the bars of two ladders; the interval reaches to the levels that did not hold.

    A level whose measurement is refused has neither held nor not: nothing can be said of what lies above it.
    """
    refused = "; ".join(filter(None, (baseline.refused, optimised.refused)))
    sessions = (optimised.best, optimised.above) if optimised.above else None
    both = optimised.above and baseline.above and baseline.best and not refused
    ratios = (optimised.best / (baseline.above or 1), (optimised.above or 0) / (baseline.best or 1)) if both else None
    known = baseline.best and not refused
    return [
        Bar("3.sessions", "optimised: sessions within the target on one core",
            None if optimised.refused else optimised.best, ">=", 400, "sessions",
            interval=None if optimised.refused else sessions,
            detail={"levels": optimised.rows, "reason": optimised.refused}),
        Bar("3.ratio", "sessions of optimised over baseline", optimised.best / baseline.best if known else None, ">=",
            3, "times", interval=ratios,
            detail={"levels": baseline.rows, "baseline": baseline.best, "reason": refused}),
    ]  # fmt: skip


def generator(study: Study, say: Say) -> list[Bar]:
    """Bar 4: one load worker with 300 voice sessions through the optimised gateway."""
    trial, _ = _hold(study, "optimised", 300, say)
    facts = trial.facts.generator
    share = facts["achieved_frame_rate"] / facts["asked_frame_rate"]
    return [
        Bar("4.late", "send lateness p99 at 300 sessions", facts["late_p99_ms"], "<", 5, "ms", detail=dict(facts)),
        Bar("4.lost", "frames lost at 300 sessions", facts["lost_frames"], "<=", 0, "frames"),
        Bar("4.rate", "frames sent of those due", share, ">=", 0.999, "share"),
    ]  # fmt: skip


def spike(study: Study, say: Say) -> list[Bar]:
    """Bar 5: 0 to 100 to 0 sessions, no turn lost, and back within 5 s."""
    say("optimised, spike 0-100-0 ...")
    result = run_matrix(
        study,
        "optimised",
        {},
        scenarios=[study.system.scenario[0], *(s for s in study.system.scenario if s.shape == "spike")],
    )
    recovery = result.recovery
    assert recovery is not None
    return [
        Bar("5.lost", "turns lost in the spike", recovery.lost, "<=", 0, "turns"),
        Bar("5.back", "p95 of probes back after the spike", recovery.recovered_s, "<=", 5, "s",
            detail={"before_ms": recovery.before_p95_ms, "during_ms": recovery.during_p95_ms}),
    ]  # fmt: skip


def help_time(study: Study, say: Say) -> list[Bar]:
    """Bar 6: `perflab --help`, the median of eleven starts."""
    times = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "perflab", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return [
        Bar("6.help", "perflab --help", float(np.median(times)), "<", 0.3, "s", len(times), (min(times), max(times)))
    ]
