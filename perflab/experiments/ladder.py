"""A ladder of load levels in one load run: where does the system bend?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perflab.experiments.operations import Operation, operations_of
from perflab.experiments.settling import Settling, settling_of
from perflab.experiments.study import Study
from perflab.experiments.trial import Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import (
    SILENT_AFTER_S,
    answered_per_s,
    failure_kinds,
    failures,
    judged_rows,
    peak_memory_mb,
    quantile,
    response_ms,
    system_cpu_in_window,
    whole_ms,
    window,
)
from perflab.experiments.window_parts import answered_by_part, bounded, cpu_by_part
from perflab.stats.interval import Interval


@dataclass(frozen=True)
class Level:
    """One level of a ladder, or one scenario of the matrix, in figures."""

    scenario: str
    users: int
    seconds: float
    n: int
    p50: Interval | None
    p95: Interval | None
    p99: Interval | None
    throughput_per_s: float
    cpu_percent: float
    memory_mb: float
    failed: int
    finished: int
    settling: Settling | None = None  # None where no settling time was declared
    failed_as: tuple[tuple[str, int], ...] = ()  # kinds of the failures, see `failure_kinds`
    whole_p95: Interval | None = None  # until the whole reply; of turns, whose response is its first byte
    operations: tuple[Operation, ...] = ()  # everything that was asked for at this level, by class
    throughput: Interval | None = None  # of `throughput_per_s`
    cpu: Interval | None = None  # of `cpu_percent`


def level_of(study: Study, trial: Trial, scenario: str, kind: str = "") -> Level:
    """Return the figures of one segment; quantiles that n does not allow are None, never guesses.

    Times and failures are of the units that were due in it, throughput is of those that were answered in it.
    """
    segment = next(s for s in trial.spec.segments if s.scenario == scenario)
    operations = () if kind else operations_of(study, trial, scenario)
    span, kind = window(trial, scenario), kind or study.system.load.unit_kind
    every, rows = trial.units[trial.units["kind"] == kind], judged_rows(trial, kind, scenario)
    times = response_ms(rows)
    failed, finished = failures(rows)
    return Level(
        scenario,
        segment.users,
        span.seconds,
        len(times),
        quantile(times, 0.50),
        quantile(times, 0.95),
        quantile(times, 0.99),
        answered_per_s(every, span),
        100 * system_cpu_in_window(trial, study.system, span) / span.seconds,
        peak_memory_mb(trial, study.system, span),
        failed,
        finished,
        settling_of(trial, scenario, kind),
        failure_kinds(rows),
        quantile(whole_ms(rows), 0.95) if kind == "turn" else None,
        operations,
        bounded(answered_by_part(every, span)),
        bounded(cpu_by_part(trial, study.system, span)),
    )


def staircase(
    levels: Sequence[int], hold_s: float, settle_s: float
) -> tuple[tuple[tuple[float, int], ...], list[Segment], float]:
    """Return the steps, segments and length of a ladder that holds each level for `hold_s`."""
    steps, segments = [], []
    for i, users in enumerate(levels):
        start = i * hold_s
        steps.append((start, users))
        segments.append(Segment(f"level-{users}", start, start + hold_s, users, settle_s))
    end = len(levels) * hold_s
    return (*steps, (end, 0)), segments, end


def run_ladder(study: Study, variant: str, levels: Sequence[int], hold_s: float, settle_s: float) -> list[Level]:
    """Climb the levels with users who stay, each unit after the answer to the last, and return each level.

    A paced user's unit is due by its rate all the same, and its row counts from then.
    """
    steps, segments, length = staircase(levels, hold_s, settle_s)
    spec = TrialSpec(
        name=f"ladder-{variant}",
        variant=variant,
        steps=steps,
        duration_s=length,
        segments=tuple(segments),
        users=dict(study.system.load.users),
        seed=study.seed,
        drain_s=SILENT_AFTER_S,  # it ends as soon as nothing is under way
    )
    trial = run_trial(study, spec, on_tick=lambda at: _tell(study, f"ladder, {variant}", at, length))
    return [level_of(study, trial, s.scenario) for s in segments]


def run_open(study: Study, variant: str, rate_per_s: float, length_s: float, settle_s: float) -> Level:
    """Run open load: units arrive by a Poisson schedule whether or not the system keeps up.

    A unit's row counts from when the unit was due. Where an arrival first opens a session (a turn of speech), that is a
    fixed time after the arrival: a session that takes longer to be ready delays the unit, which counts as its waiting.
    """
    scenario = f"open-{rate_per_s:g}"
    spec = TrialSpec(
        name=open_name(variant, rate_per_s),
        variant=variant,
        steps=((0.0, 0), (length_s, 0)),
        duration_s=length_s,
        segments=(Segment(scenario, 0.0, length_s, 0, settle_s),),
        seed=study.seed,
        arrivals_per_s=rate_per_s,
        drain_s=SILENT_AFTER_S,
    )
    trial = run_trial(study, spec, on_tick=lambda at: _tell(study, f"open arrivals, {variant}", at, length_s))
    return level_of(study, trial, scenario)


def open_name(variant: str, rate_per_s: float) -> str:
    """Return the name of an open-arrival trial."""
    return f"open-{variant}-{rate_per_s:.3g}"


def _tell(study: Study, step: str, at: float, length: float) -> None:
    study.progress(step, min(at, length), length, "", max(length - at, 0.0))
