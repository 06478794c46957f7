"""What 30_prototype concludes of the confirmed flags together: order of adoption, interactions, what no longer pays."""

from __future__ import annotations

from perflab.errors import StatisticError
from perflab.experiments.conclude.joint_rows import OF_RATIOS, interaction_rows, no_longer_paying, order_rows
from perflab.experiments.conclude.parts import (
    arm_checks,
    effect_of_comparison,
    evidence,
    finding,
    percent_change,
    vetoed,
)
from perflab.experiments.confirm import FIGURES
from perflab.experiments.interactions import CPU, Adoption, adoption_arms
from perflab.experiments.joint import WORDS, prices_told
from perflab.experiments.null_arm import NULL
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck
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
    said, whole, silent = adoption.cpu.together, adoption.cpu.whole, vetoed(checks)
    arms = [effect.arm for effect in adoption.order]
    word = WORDS["untrusted" if silent else whole.verdict]
    then = "" if silent else no_longer_paying(adoption.settings, adoption.cpu)
    return finding(
        study,
        "adoption",
        question="What do the confirmed flags do together, and in which order are they adopted?",
        kind="observation",
        verdict="untrusted" if silent else "reported",
        claim=f"Together {', '.join(arms)} change CPU per {study.system.unit} by {percent_change(said)} in "
        f"{said.n} paired blocks; against the product of what each does alone that is {percent_change(whole)}: {word}."
        + then
        + prices_told(adoption.settings),
        effect=effect_of_comparison(f"CPU per {study.system.unit}, all confirmed flags", said),
        trust=checks,
        evidence=evidence(figure),
        caveats=(
            *adoption.left_out,
            *problems,
            OF_RATIOS,
            *((f"measuring {stop.sentence}",) if (stop := adoption.blocks.stop) else ()),
        ),
        headline=3,
        details={
            "order_of_adoption": order_rows(adoption.settings, adoption.cpu, silent=silent),
            "interactions": interaction_rows(arms, adoption.cpu, silent=silent),
        },
    )


def _on_top(
    study: Study, adoption: Adoption, checks: tuple[TrustCheck, ...], figure: Evidence | None
) -> tuple[list[Finding], list[str]]:
    """Return what each flag does where it comes last, figure by figure, and which figures cannot be computed."""
    found: list[Finding] = []
    problems: list[str] = []
    for name, column, margin in FIGURES:
        metric = f"CPU per {study.system.unit}" if column == CPU else name
        try:
            ends = adoption.figure(column, margin).last
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
