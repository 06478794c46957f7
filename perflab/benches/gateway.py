"""The bars of the reference system: response, CPU, capacity, generator, spike, start-up, and a fresh clone's study."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from perflab.benches import audio_stages, quick_spike
from perflab.benches.bar import Bar, measured
from perflab.benches.echo_floor import echo_floor
from perflab.benches.parts import Keep, Say, check_names, keep_nothing, run_named
from perflab.benches.think_times import profiles, upstream_bars
from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import trust_of
from perflab.experiments.ladder import Level, level_of
from perflab.experiments.matrix import PROBE_USERS, Recovery, run_matrix, spike_told
from perflab.experiments.study import Study, create_run, reports_folder
from perflab.experiments.trial import Segment, Trial, TrialSpec, read_trial, run_trial
from perflab.experiments.units_of_work import judged_rows, system_cpu_in_window, window
from perflab.findings.trust import generator_late
from perflab.runs import concluded
from perflab.samples.spans import Reconciliation, reconcile, sum_ms
from perflab.stats.latency import section_minimum_n, sectioned_quantile
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system

SYSTEM = Path("data/systems/voice_gateway.toml")
HOLD_S, SETTLE_S = 24.0, 6.0
LIMIT_MS = 2000.0
MOST_FAILED = 0.01  # of the turns: response times of the rest are not those of the users
BASELINE_LADDER = (25, 50, 75, 100, 150)  # from where it surely holds: without a level of its own there is no ratio
OPTIMISED_LADDER = (200, 300, 400)
SESSIONS, GENERATED = 400, 300  # asked of the gateway, and of one load worker
LATE = generator_late(0.0, 0).name
NEXT_TO_NOTHING_MS = 0.001  # of a time by two clocks: below it nothing can be told
FRESH = "quick"  # the group of a fresh clone


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the family (or the groups named in `only`) and return its bars.

    The group of the fresh clone is a study of its own: it comes last, and needs no run of the bench.
    """
    check_names(only, names())
    fresh = {FRESH: partial(quick_spike.bars, say)}
    if only == set(fresh):
        return run_named(fresh, only, say, keep)
    study = bench_study()
    with concluded(study.run):
        in_study = {name: partial(measure, study, say) for name, measure in _groups().items()}
        return run_named(in_study | fresh, only, say, keep)


def names() -> list[str]:
    """Return the groups of the family in their order."""
    return [*_groups(), FRESH]


def _groups() -> dict[str, Callable[[Study, Say], list[Bar]]]:
    return {
        "hundred": hundred_sessions,
        "capacity": capacity,
        "generator": generator,
        "spike": spike,
        "stages": audio_stages.bars,
        "help": help_time,
    }


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
    costs: dict[str, Cost] = {}
    for variant in ("baseline", "optimised"):
        trial, level = _hold(study, variant, 100, say)
        title, doubted = f"{variant}: p95 voice response at 100 sessions", doubts(trial, level)
        bars.append(response_bar(f"1.{variant}", title, level, doubted))
        cpu = 100 * system_cpu_in_window(trial, study.system, window(trial)) / window(trial).seconds
        costs[variant] = Cost(cpu, level.throughput_per_s, doubted if variant == "optimised" else _refused(trial))
        if variant == "optimised":
            bars += [unless(bar, doubted) for bar in _added(study, trial)]
    say("an echo of the same frames: the floor ...")
    floor = echo_floor(study.cores.system[0], study.cores.others[0])
    baseline, optimised = costs["baseline"], costs["optimised"]
    say(f"  the echo takes {floor.cpu_percent:.1f} % of a core, the optimised gateway {optimised.percent:.1f} %")
    return [*bars, *cost_bars(baseline, optimised, floor.cpu_percent)]


@dataclass(frozen=True)
class Cost:
    """CPU of a variant in % of a core, its answered turns a second, and why the two say nothing of it, if so."""

    percent: float
    turns_per_s: float
    doubted: list[str]

    @property
    def ms_per_turn(self) -> float:
        """CPU time of an answered turn; NaN where none was answered."""
        return 10 * self.percent / self.turns_per_s if self.turns_per_s else math.nan


def cost_bars(baseline: Cost, optimised: Cost, floor_percent: float) -> list[Bar]:
    """Return the bars of CPU; turns that fail cost no reply, so that a system that drops them would look thrifty.

    The baseline may be saturated and fail turns: its CPU is then a lower bound, and only a refused trial is doubted.
    """
    detail = {
        "cpu_percent": {"baseline": baseline.percent, "optimised": optimised.percent},
        "cpu_ms_per_turn": {"baseline": baseline.ms_per_turn, "optimised": optimised.ms_per_turn},
        "echo_floor_percent": floor_percent,
    }
    either = [*optimised.doubted, *(f"baseline: {why}" for why in baseline.doubted)]
    unanswered = [] if baseline.turns_per_s else ["baseline: no turn answered"]
    ratio = baseline.percent / optimised.percent if optimised.percent else math.nan
    per_turn = baseline.ms_per_turn / optimised.ms_per_turn if optimised.ms_per_turn else math.nan
    return [
        unless(Bar("2.cpu", "optimised: CPU at 100 sessions", optimised.percent, "<=", 15, "% of a core",
                   detail=detail), optimised.doubted),
        unless(Bar("2.ratio", "CPU of baseline over optimised", ratio, ">=", 4, "times", detail=detail), either),
        unless(Bar("2.turn", "CPU per turn of baseline over optimised", per_turn, ">=", 4, "times", detail=detail),
               [*either, *unanswered]),
    ]  # fmt: skip


def unless(bar: Bar, doubted: list[str]) -> Bar:
    """Return the bar, without value where what it was measured on says nothing."""
    if not doubted:
        return bar
    return replace(bar, value=None, interval=None, detail={**bar.detail, "reason": "; ".join(doubted)})


def doubts(trial: Trial, level: Level) -> list[str]:
    """Return why a level says nothing of its users: a refused measurement, or its turns failed."""
    return [*_refused(trial), *failing(level)]


def failing(level: Level) -> list[str]:
    """Return that more than 1 % of the turns of a level failed, or that none finished; nothing where they did not."""
    if not level.finished:
        return ["no turn finished"]
    lost = level.failed > MOST_FAILED * level.finished
    return [f"{level.failed} of {level.finished} turns failed"] if lost else []


def _refused(trial: Trial) -> list[str]:
    """Return the checks that refuse a trial; that a saturated system waits for its core is what is measured here."""
    return [check.name for check in trust_of([trial], side_by_side=True) if check.veto and not check.passed]


def response_bar(id: str, title: str, level: Level, doubted: list[str]) -> Bar:
    """Return the bar of a level's p95, without value where the level or the measurement failed."""
    if level.p95 is None or doubted:
        reason = "; ".join(doubted) or "too few turns for a p95"
        return Bar(id, title, None, "<", LIMIT_MS, "ms", level.n, detail={"reason": reason})
    detail = {"failed": level.failed, "finished": level.finished, "interval": "sectioning inside one run"}
    return measured(id, title, level.p95, "<", LIMIT_MS, "ms", detail)


def _added(study: Study, trial: Trial) -> list[Bar]:
    rows, spans = judged_rows(trial, study.system.load.unit_kind), study.system.spans
    rows = rows[rows["outcome"] == "ok"]
    added = sum_ms(rows, next(s for s in spans.sum if s.role == "added"))
    added = added[np.isfinite(added)]
    if not added.size:
        return [Bar("1.added", "time added by the gateway", None, "<", 10, "ms", detail={"reason": "no turn answered"})]
    asked = profiles(study.system, trial.spec.conditions)
    return [added_bar(added), *clock_bars(reconcile(rows, spans)), *upstream_bars(rows, spans, asked)]


def added_bar(added: np.ndarray) -> Bar:
    """Return the bar of the time added, p99; value, interval and n are of all turns, in ms and in time order.

    A difference of clocks may fall below zero: that turn took next to nothing, and stays in as such. The interval is
    made on logarithms, because that of a few sections of so skewed a tail reaches far below zero.
    """
    interval, reason = None, ""
    try:
        sections = 10 if len(added) >= section_minimum_n(0.99, 10) else 5
        seen = sectioned_quantile(np.maximum(added, NEXT_TO_NOTHING_MS), 0.99, sections, log=True)
        interval = None if seen.low is None or seen.high is None else (seen.low, seen.high)
    except StatisticError as error:  # too few turns: the figure stands without interval, which is said
        reason = str(error)
    return Bar("1.added", "optimised: time added by the gateway, p99", float(np.quantile(added, 0.99)), "<", 10, "ms",
               len(added), interval, {"p50_ms": float(np.median(added)), "reason": reason}, bounded=True)  # fmt: skip


def clock_bars(checks: list[Reconciliation]) -> list[Bar]:
    """Return the bars of the gateway's own marks against outside clocks: the median decides, the p95 stands beside."""
    return [
        Bar("1.clocks", f"{c.name}: median apart from outside clocks", abs(c.median_ms), "<=", c.limit_ms, "ms", c.n,
            detail={"apart_p95_ms": c.p95_ms})
        for c in checks
    ]  # fmt: skip


@dataclass
class Climb:
    """A ladder of sessions: the highest level that held, the one that did not, and why it cannot be told, if so.

    `late_ms`: how late the generator was, where that refused the level and nothing else is against it.
    """

    best: int = 0
    above: int | None = None  # None: the ladder ended first
    refused: str = ""
    late_ms: float | None = None
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
        refused, missed = _refused(trial), p95 is None or p95 >= LIMIT_MS or failing(level)
        if refused or missed:
            climb.above, climb.refused = users, "; ".join(refused)
            climb.late_ms = facts["late_p99_ms"] if refused == [LATE] and not missed else None
            break
        climb.best = users
    return climb


def capacity_bars(baseline: Climb, optimised: Climb) -> list[Bar]:
    """Return the bars of two ladders; the interval reaches to the levels that did not hold.

    A level whose measurement is refused has neither held nor not: nothing can be said of what lies above it. Asked are
    400 sessions or the generator's limit; the ratio there is a lower bound, as nobody saw the gateway's own.
    """
    ended = optimised.late_ms is not None and optimised.best  # by the generator, at its limit
    refused = "; ".join(filter(None, (baseline.refused, "" if ended else optimised.refused)))
    above = math.inf if ended else optimised.above
    both = above and baseline.above and baseline.best and not refused
    ratios = (optimised.best / (baseline.above or 1), (above or 0) / (baseline.best or 1)) if both else None
    known = baseline.best and not refused
    least = " (at least: the generator ended the optimised variant's ladder)" if ended else ""
    return [
        _sessions(optimised),
        Bar("3.ratio", f"sessions of optimised over baseline{least}", optimised.best / baseline.best if known else None,
            ">=", 3, "times", interval=ratios,
            detail={"levels": baseline.rows, "baseline": baseline.best, "reason": refused}, bounded=True),
    ]  # fmt: skip


def _sessions(climb: Climb) -> Bar:
    """Return the bar of the sessions that held; where the generator alone ended the ladder, at its limit.

    That counts from what is asked of the generator itself on: late before that, it has shown nothing of the gateway.
    """
    title, detail = "optimised: sessions within the target on one core", {"levels": climb.rows, "reason": climb.refused}
    if climb.late_ms is not None:
        told = f"{climb.best} held; at {climb.above} the generator itself was late by {climb.late_ms:.1f} ms (p99)"
        title, detail = f"{title} ({told})", detail | {"reason": told, "asked": f"{SESSIONS} or the generator's limit"}
    at_limit = climb.late_ms is not None and climb.best >= GENERATED
    known, asked = at_limit or not climb.refused, min(SESSIONS, climb.best) if at_limit else SESSIONS
    bounds = (climb.best, climb.above) if climb.above and known else None
    return Bar("3.sessions", title, climb.best if known else None, ">=", asked, "sessions", 0, bounds, detail,
               bounded=True)  # fmt: skip


def generator(study: Study, say: Say) -> list[Bar]:
    """Bar 4: one load worker with 300 voice sessions end to end through the optimised gateway."""
    trial, level = _hold(study, "optimised", 300, say)
    return generator_bars(trial.facts.generator, level)


def generator_bars(facts: dict[str, float], level: Level) -> list[Bar]:
    """Return the bars of the generator; sending on time to a gateway that answers nothing is not end to end."""
    share = facts["achieved_frame_rate"] / facts["asked_frame_rate"] if facts["asked_frame_rate"] else math.nan
    bars = [
        Bar("4.late", "send lateness p99 at 300 sessions", facts["late_p99_ms"], "<", 5, "ms", detail=dict(facts)),
        Bar("4.lost", "frames lost at 300 sessions", facts["lost_frames"], "<=", 0, "frames"),
        Bar("4.rate", "frames sent of those due", share, ">=", 0.999, "share"),
    ]
    return [unless(bar, failing(level)) for bar in bars]


def spike(study: Study, say: Say) -> list[Bar]:
    """Bar 5: 0 to 100 to 0 sessions on top of a few probes, no turn lost, and the probes back within 5 s."""
    (surge,) = (s for s in study.system.scenario if s.shape == "spike")
    say(f"optimised, spike of {surge.users} sessions on top of {PROBE_USERS} probes ...")
    result = run_matrix(study, "optimised", {}, scenarios=[study.system.scenario[0], surge])
    assert result.recovery is not None
    return spike_bars(result.recovery, read_trial(study, result.trial), surge.name)


def spike_bars(recovery: Recovery, trial: Trial, name: str) -> list[Bar]:
    """Return the bars of a spike, without value where the measurement was refused."""
    told = spike_told(trial.spec, name)
    detail = {"users": told, "before_ms": recovery.before_p95_ms, "during_ms": recovery.during_p95_ms}
    bars = [
        Bar("5.lost", f"turns lost in the spike ({told})", recovery.lost, "<=", 0, "turns", detail=detail),
        Bar("5.back", f"p95 of probes back after the spike ({told})", recovery.recovered_s, "<=", 5, "s",
            detail=detail),
    ]  # fmt: skip
    return [unless(bar, _refused(trial)) for bar in bars]


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
