"""What 30_prototype concludes of the load matrix: how a variant bears each scenario, and how it passes a spike."""

from __future__ import annotations

from typing import Any

from perflab.experiments.conclude.load import level_row
from perflab.experiments.conclude.parts import evidence, observation, trust_of, world_on_time
from perflab.experiments.conclude.world import under
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import PROBE_USERS, MatrixResult, spike_told
from perflab.experiments.operations import operation_rows
from perflab.experiments.settling import settled_check, settling_caveats
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial
from perflab.experiments.units_of_work import failures_text
from perflab.findings.finding import Evidence, Finding, TrustCheck


def conclude_matrix(
    study: Study,
    results: list[MatrixResult],
    trials: list[Trial],
    figures: dict[str, Evidence],
    null: tuple[TrustCheck, ...] = (),
) -> list[Finding]:
    """Return the findings of the load matrix: degradation from the lightest to the heaviest level, and recovery.

    `figures` show the first result, and are evidence of no other. `null`: the null arms of the run; levels beside each
    other are a comparison too, and a failed one voids it.
    """
    found = []
    by_trial = {t.spec.name: t for t in trials}
    for number, result in enumerate(results, 1):
        stretches = [level.settling for level in result.levels.values()]
        trial = by_trial[result.trial]
        trust = (*trust_of([trial]), *world_on_time(study, [trial]), settled_check(stretches), *null)
        rows = [{**level_row(level), "scenario": name} for name, level in result.levels.items()]
        own = figures if number == 1 else {}
        found.append(_degradation(study, number, result, rows, trust, own))
        if result.recovery:
            found.append(_recovery(study, number, result, trial, trust, own))
    return found


def _degradation(
    study: Study,
    number: int,
    result: MatrixResult,
    rows: list[dict[str, Any]],
    trust: tuple[TrustCheck, ...],
    figures: dict[str, Evidence],
) -> Finding:
    steady = result.steady
    claim = f"{result.variant} finished too few units to say"
    if steady:
        claim = _from_least_to_most(result.variant, steady[0], steady[-1])
    return observation(
        study,
        f"matrix.{number}",
        trust,
        question=f"How does {result.variant} bear the load matrix?",
        variant=result.variant,
        condition=_condition(result),
        claim=f"{claim}{under(study, result.conditions)}{what_broke(study, result)}.",
        caveats=settling_caveats(level.settling for level in result.levels.values()),
        evidence=evidence(figures.get("degradation"), figures.get("series")),
        details={"scenarios": rows, "operations": operation_rows(result.levels.values())},
    )


def _from_least_to_most(variant: str, low: Level, high: Level) -> str:
    """Say how median and CPU moved from the level of fewest users to that of most; of a single level what they are."""
    assert low.p50 is not None and high.p50 is not None
    if low.users == high.users:
        return (
            f"At {low.users} users the p50 of {variant} is {low.p50.value:.0f} ms and its CPU {low.cpu_percent:.0f} % "
            "of a core"
        )
    return (
        f"From {low.users} to {high.users} users the p50 of {variant} went from {low.p50.value:.0f} to "
        f"{high.p50.value:.0f} ms and its CPU from {low.cpu_percent:.0f} to {high.cpu_percent:.0f} % of a core"
    )


def what_broke(study: Study, result: MatrixResult) -> str:
    """Say in which scenarios units or requests failed and how, and where too few finished for a median.

    A level that is too broken for a quantile is in none of the sentences that quantiles make: this one is on it.
    """
    unit, told = study.system.unit, ""
    for name, level in sorted(result.levels.items(), key=lambda item: item[1].users):
        of = [(level, unit), (result.requests.get(name), "request")]
        beside = of if study.system.load.unit_kind != "request" else of[:1]
        failed = [failures_text(x.failed, x.finished, x.failed_as, f"{what}s") for x, what in beside if x and x.failed]
        few = "" if level.p50 else f"too few {unit}s finished for a p50"
        parts = [*([f"{' and '.join(failed)} failed"] if failed else []), *([few] if few else [])]
        there = level.users + PROBE_USERS * (name in result.spikes)
        told += f"; at {there} users ({name}) {', and '.join(parts)}" if parts else ""
    return told


def _condition(result: MatrixResult) -> str:
    return ",".join(f"{k}={v}" for k, v in result.conditions.items())


def _recovery(
    study: Study,
    number: int,
    result: MatrixResult,
    trial: Trial,
    trust: tuple[TrustCheck, ...],
    figures: dict[str, Evidence],
) -> Finding:
    recovery = result.recovery
    assert recovery is not None
    back = (
        f"was back {recovery.recovered_s:.1f} s after its end"
        if recovery.recovered_s is not None
        else f"was not back within the {recovery.observed_s:.0f} s observed"
    )
    return observation(
        study,
        f"spike.{number}",
        trust,
        question=f"How fast is {result.variant} back after a spike?",
        variant=result.variant,
        condition=_condition(result),
        claim=f"In the spike ({spike_told(trial.spec, result.spikes[0])}) the p95 of {result.variant} went from "
        f"{recovery.before_p95_ms:.0f} to {recovery.during_p95_ms:.0f} ms, the p95 of probes {back}, and "
        f"{recovery.lost} units were lost{under(study, result.conditions)}.",
        evidence=evidence(figures.get("spike")),
        details={"recovery": [vars_of(recovery)]},
        caveats=("back = p95 of all later probe units at most 10 % above the calm p95",),
    )


def vars_of(record: Any) -> dict[str, Any]:
    """Return a frozen record as a flat dictionary whose missing numbers are None."""
    from dataclasses import asdict

    return {k: (None if isinstance(v, float) and v != v else v) for k, v in asdict(record).items()}
