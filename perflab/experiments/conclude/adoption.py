"""What 30_prototype concludes of the confirmed flags together: order of adoption, interactions, what no longer pays."""

from __future__ import annotations

from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import (
    arm_checks,
    effect_of_comparison,
    evidence,
    finding,
    percent_change,
    vetoed,
)
from perflab.experiments.confirm import FIGURES
from perflab.experiments.interactions import CPU, PAYS, WORDS, Adoption, adoption_arms
from perflab.experiments.null_arm import CPU_MARGIN, NULL
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison
from perflab.system.variant import BASELINE

ON_TOP = "on top of the other confirmed flags"


def conclude_adoption(
    study: Study, adoption: Adoption, trust: tuple[TrustCheck, ...], figure: Evidence | None
) -> list[Finding]:
    """Return the finding on all confirmed flags together, and one for each figure of each flag on top of the rest."""
    arms = ((arm, name) for arm, name in adoption_arms(adoption.order).items() if arm not in (BASELINE, NULL))
    checks = (*trust, *(check for arm, name in arms for check in arm_checks(study, adoption.blocks, arm, name)))
    try:
        on_top, problems = _on_top(study, adoption, checks, figure)
        return [_together(study, adoption, checks, figure, problems), *on_top]
    except StatisticError as error:
        return [_not_computed(study, error, checks)]


def _together(
    study: Study, adoption: Adoption, checks: tuple[TrustCheck, ...], figure: Evidence | None, problems: list[str]
) -> Finding:
    said, whole, silent = adoption.together, adoption.whole, vetoed(checks)
    names = ", ".join(effect.arm for effect in adoption.order)
    word = WORDS["untrusted" if silent else whole.verdict]
    gone = [] if silent else [row["flag"] for row in adoption_rows(adoption) if row["once all are in"] in _NO_GAIN]
    then = f" Once the others are in, {' and '.join(gone)} no longer pays." if len(gone) == 1 else ""
    then = f" Once the others are in, {', '.join(gone)} no longer pay." if len(gone) > 1 else then
    return finding(
        study,
        "adoption",
        question="What do the confirmed flags do together, and in which order are they adopted?",
        kind="observation",
        verdict="untrusted" if silent else "reported",
        claim=f"Together {names} change CPU per {study.system.unit} by {percent_change(said)} in "
        f"{said.n} paired blocks; against the product of what each does alone that is {percent_change(whole)}: {word}."
        + then,
        effect=effect_of_comparison(f"CPU per {study.system.unit}, all confirmed flags", said),
        trust=checks,
        evidence=evidence(figure),
        caveats=(
            *adoption.left_out,
            *problems,
            *((f"measuring {stop.sentence}",) if (stop := adoption.blocks.stop) else ()),
        ),
        headline=3,
        details={
            "order_of_adoption": adoption_rows(adoption, silent=silent),
            "interactions": interaction_rows(adoption, silent=silent),
        },
    )


_NO_GAIN = ("no longer pays", "costs")


def adoption_rows(adoption: Adoption, *, silent: bool = False) -> list[dict[str, Any]]:
    """Return one row for each step: the flag, what it adds there, the sum so far, and what is left of it at the end."""
    ends = adoption.last(CPU, CPU_MARGIN)
    return [
        {
            "step": i + 1,
            "flag": effect.arm,
            "strategy": effect.strategy,
            "this step": percent_change(adoption.steps[i]),
            "so far": percent_change(adoption.growing[i]),
            "on top of all others": percent_change(ends[i]),
            "once all are in": PAYS["untrusted" if silent else ends[i].verdict],
        }
        for i, effect in enumerate(adoption.order)
    ]


def interaction_rows(adoption: Adoption, *, silent: bool = False) -> list[dict[str, Any]]:
    """Return one row for each flag and one for all of them: the joint effect against the product of single effects."""
    alone = [adoption.blocks.compare(e.arm, CPU, CPU_MARGIN) for e in adoption.order]
    ends = adoption.last(CPU, CPU_MARGIN)

    def row(what: str, product: str, measured: Comparison, said: Comparison) -> dict[str, Any]:
        return {"what": what, "alone": product, "with the others": percent_change(measured),
                "joint / product": _ratio(said), "they": WORDS["untrusted" if silent else said.verdict]}  # fmt: skip

    rows = [
        row(effect.arm, percent_change(alone[i]), ends[i], adoption.with_the_rest[i])
        for i, effect in enumerate(adoption.order)
    ]
    expected = adoption.together.effect / adoption.whole.effect
    return [*rows, row("all of them", f"{100 * (expected - 1):+.0f} % (product)", adoption.together, adoption.whole)]


def _ratio(comparison: Comparison) -> str:
    return f"{comparison.effect:.3f} [{comparison.low:.3f}, {comparison.high:.3f}]"


def _on_top(
    study: Study, adoption: Adoption, checks: tuple[TrustCheck, ...], figure: Evidence | None
) -> tuple[list[Finding], list[str]]:
    """Return what each flag does where it comes last, figure by figure, and which figures cannot be computed."""
    found: list[Finding] = []
    problems: list[str] = []
    for name, column, margin in FIGURES:
        metric = f"CPU per {study.system.unit}" if column == CPU else name
        try:
            ends = adoption.last(column, margin)
        except StatisticError as error:
            problems.append(f"{ON_TOP}, {name} cannot be computed, because {error}")
            continue
        for rank, (effect, said) in enumerate(zip(adoption.order, ends, strict=True), 1):
            found.append(
                finding(
                    study,
                    f"adoption.{effect.flag}.{column}",
                    question=f"Does {effect.arm} change {metric} {ON_TOP}?",
                    kind="comparison",
                    stage="confirmed",
                    verdict="untrusted" if vetoed(checks) else said.verdict,
                    strategy=effect.strategy,
                    variant=effect.pair.changed.name,
                    condition=ON_TOP,
                    claim=f"{ON_TOP.capitalize()}, {effect.arm} changes {metric} by {percent_change(said)} in {said.n} "
                    f"paired blocks (Holm over {len(adoption.order)} flags, for this figure by itself).",
                    effect=effect_of_comparison(metric, said),
                    trust=checks,
                    evidence=evidence(figure),
                    caveats=(said.caveat,) if said.caveat else (),
                    details={"flag": effect.flag, "rank": rank},
                )
            )
    return found, problems


def _not_computed(study: Study, error: StatisticError, checks: tuple[TrustCheck, ...]) -> Finding:
    return finding(
        study,
        "adoption",
        question="What do the confirmed flags do together, and in which order are they adopted?",
        kind="observation",
        verdict="untrusted" if vetoed(checks) else "inconclusive",
        claim=f"Interactions cannot be computed, because {error}",
        trust=checks,
        next_step="Look at the trials named adopt-...",
    )
