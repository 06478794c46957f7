"""What 30_prototype concludes: the comparison, the flags, the matrix, and every target that this system can judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.adoption import conclude_adoption
from perflab.experiments.conclude.flags import conclude_flags
from perflab.experiments.conclude.load import level_row
from perflab.experiments.conclude.parts import (
    STAND_IN_CAVEAT,
    arm_checks,
    effect_of_comparison,
    evidence,
    finding,
    percent_change,
    trust_of,
    vetoed,
)
from perflab.experiments.conclude.tail import conclude_tail
from perflab.experiments.confirm import Confirmation
from perflab.experiments.interactions import Adoption
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.null_arm import ADDED_MARGIN_MS, CPU_MARGIN, MEMORY_MARGIN, P50_MARGIN, machine_null
from perflab.experiments.prototype import Judged, block_trials, confirmed_trials, screened_trials
from perflab.experiments.screen import Screening
from perflab.experiments.settling import settled_check, settling_caveats
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.runs import Run
from perflab.stats.compare import Comparison
from perflab.units import number_text


def conclude_blocks(
    study: Study, result: BlockResult, trust: tuple[TrustCheck, ...], figure: Evidence | None
) -> list[Finding]:
    """Return the findings of baseline against the judged variant: CPU, response, added time, memory."""
    judged, unit = study.system.judge, study.system.unit
    trust = (*trust, *arm_checks(study, result, judged, judged))
    wanted = [
        ("1", f"CPU per {unit}", "cpu_ms_per_unit", CPU_MARGIN, "ratio"),
        ("2", "response p50", "p50_ms", P50_MARGIN, "ratio"),
        ("4", "peak memory", "memory_mb", MEMORY_MARGIN, "ratio"),
    ]
    if any(s.role == "added" for s in study.system.spans.sum):
        wanted.insert(2, ("3", "time added by the system, p50", "added_p50_ms", ADDED_MARGIN_MS, "ms"))
    found = []
    for ordinal, name, column, margin, scale in wanted:
        compare = result.compare_ms if scale == "ms" else result.compare
        try:
            item = (ordinal, name, column, compare(judged, column, margin), scale)
            found.append(_comparison(study, result, item, trust, figure))
        except StatisticError as error:
            found.append(_not_computed(study, ordinal, name, error, trust))
    return found


def _not_computed(
    study: Study, ordinal: str, name: str, error: StatisticError, trust: tuple[TrustCheck, ...]
) -> Finding:
    """Return the finding on a figure that no interval can be made of: the reason, and no verdict either way."""
    return finding(
        study,
        ordinal,
        question=f"Does {study.system.judge} change {name}?",
        kind="comparison",
        variant=study.system.judge,
        verdict="untrusted" if vetoed(trust) else "inconclusive",
        claim=f"The change of {name} by {study.system.judge} cannot be computed, because {error}",
        trust=trust,
        next_step="Look at the trials of the blocks",
    )


def _comparison(
    study: Study,
    result: BlockResult,
    item: tuple[str, str, str, Comparison, str],
    trust: tuple[TrustCheck, ...],
    figure: Evidence | None,
) -> Finding:
    ordinal, name, column, comparison, unit = item
    judged = study.system.judge
    before, after = result.column("baseline", column), result.column(judged, column)
    moved = (
        percent_change(comparison)
        if unit != "ms"
        else f"{comparison.effect:+.1f} ms [{comparison.low:+.1f}, {comparison.high:+.1f}]"
    )
    equal, compared = result.equivalence.get(judged, (0, 0))
    answers = f"{equal} of {compared} answers equal the baseline's byte for byte" if compared else "no answers compared"
    return finding(
        study,
        ordinal,
        question=f"Does {judged} change {name}?",
        kind="comparison",
        variant=judged,
        verdict="untrusted" if vetoed(trust) else comparison.verdict,
        claim=f"{name[0].upper() + name[1:]} of {judged} against baseline: {moved} in {comparison.n} paired blocks "
        f"(medians {_median(before)} and {_median(after)} {_unit(column)}).",
        effect=effect_of_comparison(name, comparison, unit),
        trust=trust,
        evidence=evidence(figure),
        caveats=tuple(c for c in (comparison.caveat, answers, _stopped(result)) if c),
        next_step=_next_step(comparison, result),
        headline=10 if ordinal == "1" else 2,
        details={
            "blocks": [
                {"block": i, "baseline": float(a), judged: float(b)}
                for i, (a, b) in enumerate(zip(before, after, strict=True))
            ],
            "explanation": comparison.explanation if not vetoed(trust) else "No verdict: a check failed.",
            "pairs": comparison.n,
            "stopped": result.stop.sentence if result.stop else f"a fixed number of {comparison.n} pairs",
            "equal_answers": equal,
            "compared_answers": compared,
        },
    )


def _stopped(result: BlockResult) -> str:
    return f"measuring {result.stop.sentence}" if result.stop else ""


def _next_step(comparison: Comparison, result: BlockResult) -> str:
    """Say how many more pairs an inconclusive comparison asks for; the null arm's own next step stands in its check."""
    if comparison.verdict != "inconclusive":
        return ""
    more = max(comparison.pairs_needed - comparison.n, result.stop.pairs_needed if result.stop else 0)
    return f"About {more} more pairs needed: perflab spike --effort full" if more > 0 else ""


def conclude_matrix(
    study: Study,
    results: list[MatrixResult],
    trials: list[Trial],
    figures: dict[str, Evidence],
    null: tuple[TrustCheck, ...] = (),
) -> list[Finding]:
    """Return the findings of the load matrix: degradation from the lightest to the heaviest level, and recovery.

    `null`: the null arms of the run; levels beside each other are a comparison too, and a failed one voids it.
    """
    found = []
    by_trial = {t.spec.name: t for t in trials}
    for number, result in enumerate(results, 1):
        stretches = [level.settling for level in result.levels.values()]
        trust = (*trust_of([by_trial[result.trial]]), settled_check(stretches), *null)
        rows = [{**level_row(level), "scenario": name} for name, level in result.levels.items()]
        requests = [{**level_row(level), "scenario": name} for name, level in result.requests.items() if level.finished]
        found.append(_degradation(study, number, result, rows, requests, trust, figures))
        if result.recovery:
            found.append(_recovery(study, number, result, trust, figures))
    return found


def _degradation(
    study: Study,
    number: int,
    result: MatrixResult,
    rows: list[dict[str, Any]],
    requests: list[dict[str, Any]],
    trust: tuple[TrustCheck, ...],
    figures: dict[str, Evidence],
) -> Finding:
    steady = [level for level in result.levels.values() if level.p50]
    steady.sort(key=lambda level: level.users)
    claim = f"{result.variant} finished too few units to say"
    if steady:
        claim = _from_least_to_most(result.variant, steady[0], steady[-1])
    return finding(
        study,
        f"matrix.{number}",
        question=f"How does {result.variant} bear the load matrix?",
        kind="observation",
        verdict="untrusted" if vetoed(trust) else "reported",
        variant=result.variant,
        trust=trust,
        condition=",".join(f"{k}={v}" for k, v in result.conditions.items()),
        claim=claim + ".",
        caveats=settling_caveats(level.settling for level in result.levels.values()),
        evidence=evidence(figures.get("degradation"), figures.get("series")),
        details={"scenarios": rows, "requests": requests},
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


def _recovery(
    study: Study, number: int, result: MatrixResult, trust: tuple[TrustCheck, ...], figures: dict[str, Evidence]
) -> Finding:
    recovery = result.recovery
    assert recovery is not None
    back = (
        f"was back {recovery.recovered_s:.1f} s after its end"
        if recovery.recovered_s is not None
        else f"was not back within the {recovery.observed_s:.0f} s observed"
    )
    return finding(
        study,
        f"spike.{number}",
        question=f"How fast is {result.variant} back after a spike?",
        kind="observation",
        verdict="untrusted" if vetoed(trust) else "reported",
        variant=result.variant,
        trust=trust,
        claim=f"In the spike the p95 of {result.variant} went from {recovery.before_p95_ms:.0f} to "
        f"{recovery.during_p95_ms:.0f} ms, the p95 of probes {back}, and {recovery.lost} units were lost.",
        evidence=evidence(figures.get("spike")),
        details={"recovery": [vars_of(recovery)]},
        caveats=("back = p95 of all later probe units at most 10 % above the calm p95",),
    )


def vars_of(record: Any) -> dict[str, Any]:
    """Return a frozen record as a flat dictionary whose missing numbers are None."""
    from dataclasses import asdict

    return {k: (None if isinstance(v, float) and v != v else v) for k, v in asdict(record).items()}


def _median(values: Any) -> str:
    import numpy as np

    return number_text(float(np.median(values)))


def _unit(column: str) -> str:
    return "MB" if column == "memory_mb" else "ms"


def conclude_targets(study: Study, judged: Sequence[Judged], null: tuple[TrustCheck, ...] = ()) -> list[Finding]:
    """Return one finding for each target and condition.

    A target compares one variant with a number, so that a failed null arm (`null`) is noted beside it, no veto.
    """
    from perflab.findings.judge import target_finding

    noted = [check.model_copy(update={"veto": False}) for check in null if not check.passed]
    found = []
    for number, item in enumerate(judged, 1):
        caveats = [STAND_IN_CAVEAT] if any(p.role == "standin" for p in study.system.process) else []
        if study.quick:
            caveats.append("quick effort: a shortened scenario; a meet here is provisional")
        found.append(
            target_finding(
                item.target,
                item.judgement,
                id=f"F30-target.{number}",
                notebook=study.notebook,
                question=f"Does {study.system.judge} meet {item.target.id}?",
                n=item.reading.n,
                n_unit=item.reading.n_unit,
                variant=study.system.judge,
                scenario=item.scenario,
                condition=item.condition,
                trust=(*item.trust, *noted),
                caveats=caveats,
                headline=5 if item.judgement.interval else 0,
            )
        )
    return found


def null_checks(
    blocks: BlockResult,
    screening: Screening | None,
    confirmation: Confirmation | None,
    run: Run | None = None,
    adoption: Adoption | None = None,
) -> tuple[TrustCheck, ...]:
    """Return the null arms of every block set of the notebook: one that fails leaves no better and no worse in it.

    With `run` also what its 00_machine got wrong: there known work was timed against itself.
    """
    sets = (blocks, screening, confirmation, adoption)
    made = tuple(check for one in sets if one is not None for check in one.null_checks)
    return (*made, *(machine_null(run) if run else ()))


def conclude(
    study: Study,
    blocks: BlockResult,
    screening: Screening | None,
    results: list[MatrixResult],
    judged: Sequence[Judged],
    figures: dict[str, Evidence],
    confirmation: Confirmation | None = None,
    adoption: Adoption | None = None,
) -> list[Finding]:
    """Return everything that 30_prototype claims."""
    matrix = {r.trial: read_trial(study, r.trial) for r in results}
    null = null_checks(blocks, screening, confirmation, study.run, adoption)
    trials = block_trials(study, blocks)
    trust = (*trust_of(trials), *null)
    found = conclude_blocks(study, blocks, trust, figures.get("ecdf"))
    judge = study.system.judge
    found += conclude_tail(study, trials, (*trust, *arm_checks(study, blocks, judge, judge)))
    if screening:
        screened = (*trust_of(screened_trials(study, screening), side_by_side=True), *null)
        fresh = (*trust_of(confirmed_trials(study, confirmation)), *null)
        found += conclude_flags(study, screening, confirmation, screened, fresh, figures.get("forest"))
    if adoption:
        together = (*trust_of([read_trial(study, name) for name in adoption.blocks.trials]), *null)
        found += conclude_adoption(study, adoption, together, figures.get("adoption"))
    found += conclude_matrix(study, results, list(matrix.values()), figures, null)
    return found + conclude_targets(study, judged, null)
