"""What 30_prototype concludes: the comparison, the flags, the matrix, and every target that this system can judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.block_work import first_units
from perflab.experiments.blocks import BlockResult
from perflab.experiments.conclude.adoption import conclude_adoption
from perflab.experiments.conclude.bytes_moved import BYTES, BYTES_MARGIN, COUNTED, counts_bytes, moved_alike
from perflab.experiments.conclude.flags import conclude_flags
from perflab.experiments.conclude.matrix import conclude_matrix
from perflab.experiments.conclude.parts import (
    arm_checks,
    effect_of_comparison,
    evidence,
    finding,
    percent_change,
    trust_of,
    vetoed,
)
from perflab.experiments.conclude.tail import conclude_tail
from perflab.experiments.conclude.targets import conclude_goals, conclude_targets
from perflab.experiments.confirm import Confirmation
from perflab.experiments.interactions import Adoption
from perflab.experiments.judging import Judged
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.null_arm import ADDED_MARGIN_MS, CPU_MARGIN, MEMORY_MARGIN, P50_MARGIN, machine_null
from perflab.experiments.prototype import block_trials, confirmed_trials, nothing_to_compare, screened_trials
from perflab.experiments.screen import Screening
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.runs import Run
from perflab.stats.compare import Comparison
from perflab.units import number_text


def conclude_blocks(
    study: Study, result: BlockResult, trust: tuple[TrustCheck, ...], figure: Evidence | None
) -> list[Finding]:
    """Return the findings of baseline against the judged variant: CPU, response, added time, memory, bytes moved."""
    judged, unit = study.system.judge, study.system.unit
    trust = (*trust, *arm_checks(study, result, judged, judged))
    wanted = [
        ("1", f"CPU per {unit}", "cpu_ms_per_unit", CPU_MARGIN, "ratio"),
        ("2", "response p50", "p50_ms", P50_MARGIN, "ratio"),
        ("4", "peak memory", "memory_mb", MEMORY_MARGIN, "ratio"),
    ]
    if study.system.spans.added_to():
        wanted.insert(2, ("3", "time added by the system, p50", "added_p50_ms", ADDED_MARGIN_MS, "ms"))
    if counts_bytes(result, judged):
        wanted.append(("6", f"bytes per {unit}", BYTES, BYTES_MARGIN, "ratio"))
    found = []
    for ordinal, name, column, margin, scale in wanted:
        compare = result.compare_ms if scale == "ms" else result.compare
        try:
            item = (ordinal, name, column, compare(judged, column, margin), scale)
            found.append(_comparison(study, result, item, trust, figure))
        except StatisticError as error:
            constant = moved_alike(study, result, trust) if column == BYTES else None
            found.append(constant or _not_computed(study, ordinal, name, error, trust))
    return found


def nothing_compared(study: Study) -> Finding:
    """Return the finding that stands for a comparison where there is none to make: the reason, and no verdict."""
    return finding(
        study,
        "1",
        question="Is the judged variant compared with the baseline?",
        kind="observation",
        variant=study.system.judge,
        verdict="reported",
        claim=f"Nothing is compared: {nothing_to_compare(study)}.",
    )


def broken_matrices(study: Study, broken: Mapping[str, str]) -> list[Finding]:
    """Return one finding for each shown variant whose matrix broke off, with the reason."""
    return [
        finding(
            study,
            f"matrix.{variant}",
            question=f"How does {variant} bear the load matrix?",
            kind="observation",
            variant=variant,
            verdict="inconclusive",
            claim=f"The load matrix of {variant}, which is only shown, broke off: {reason}",
            next_step=f"Look at the logs of trial matrix-{variant}; the judged variant's figures stand without it",
        )
        for variant, reason in broken.items()
    ]


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
    first = first_units(result.units_per_user, study.system.unit)
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
        caveats=tuple(
            c for c in (comparison.caveat, answers, _stopped(result), first, COUNTED if column == BYTES else "") if c
        ),
        next_step=_next_step(comparison, result),
        headline=10 if ordinal == "1" else 2,
        details={
            "blocks": [
                {"block": i, "baseline": float(a), judged: float(b)}
                for i, (a, b) in enumerate(zip(before, after, strict=True))
            ],
            "unit_of_blocks": _unit(column),
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


def _median(values: Any) -> str:
    import numpy as np

    return number_text(float(np.median(values)))


def _unit(column: str) -> str:
    return {"memory_mb": "MB", BYTES: "kB"}.get(column, "ms")


def null_checks(
    blocks: BlockResult | None,
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
    blocks: BlockResult | None,
    screening: Screening | None,
    results: list[MatrixResult],
    judged: Sequence[Judged],
    figures: dict[str, Evidence],
    confirmation: Confirmation | None = None,
    adoption: Adoption | None = None,
    broken: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return everything that 30_prototype claims; also of what it has so far, so that a later failure loses nothing.

    `blocks` None where there is nothing to compare; `broken`: shown variants whose matrix broke off, and why.
    """
    matrix = {r.trial: read_trial(study, r.trial) for r in results}
    null = null_checks(blocks, screening, confirmation, study.run, adoption)
    judge = study.system.judge
    if blocks is None:
        found = [nothing_compared(study)]
    else:
        trials = block_trials(study, blocks)
        found = conclude_blocks(study, blocks, (*trust_of(trials, paired=True), *null), figures.get("ecdf"))
        # The units of all blocks together have those of the worst block in their tail.
        found += conclude_tail(study, trials, (*trust_of(trials), *null, *arm_checks(study, blocks, judge, judge)))
    if screening:
        screened = (*trust_of(screened_trials(study, screening), side_by_side=True, cpu_only=True), *null)
        fresh = (*trust_of(confirmed_trials(study, confirmation), paired=True), *null)
        found += conclude_flags(study, screening, confirmation, screened, fresh, figures.get("forest"))
    if adoption:
        together = (*trust_of([read_trial(study, name) for name in adoption.blocks.trials], paired=True), *null)
        found += conclude_adoption(study, adoption, together, figures.get("adoption"))
    found += conclude_matrix(study, results, list(matrix.values()), figures, null)
    found += broken_matrices(study, broken or {})
    found += conclude_goals(study, results, list(matrix.values()))
    return found + conclude_targets(study, judged, null)
