"""What 23_api_streaming concludes of its confirmed flags together: order of adoption, interactions, what is left."""

from __future__ import annotations

from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.api_streaming.together import CPU, P95, Together, arm_of, joint_claim, not_measured
from perflab.experiments.conclude.joint_rows import OF_RATIOS, interaction_rows, no_longer_paying, order_rows
from perflab.experiments.conclude.parts import (
    STAND_IN_CAVEAT,
    effect_of_comparison,
    evidence,
    finding,
    observation,
    percent_change,
    vetoed,
)
from perflab.experiments.joint import Setting, prices_told
from perflab.experiments.null_arm import machine_null
from perflab.experiments.strategies.checks import checks_of
from perflab.experiments.strategies.experiment import STANDARD, FigureSpec
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison

ORDINAL = "together"
QUESTION = "What do the API's confirmed flags do together, and in which order are they adopted?"
ON_TOP = "on top of the API's other flags"


def conclude_together(study: Study, together: Together | None, figure: Evidence | None) -> list[Finding]:
    """Return the finding on all flags together, and one for each figure of each flag on top of the rest.

    None at quick; where fewer than two flags fit, the one finding says why. `figure` shows the steps of adoption.
    """
    if together is None:
        return []
    if together.result is None:
        step = "Confirm more flags of the API: they are measured together from two on"
        return [observation(study, ORDINAL, (), question=QUESTION, claim=not_measured(together), next_step=step)]
    checks = checks_together(study, together.result)
    try:
        return [_whole(study, together, together.result, checks, figure),
                *_on_top(study, together, together.result, checks, figure)]  # fmt: skip
    except StatisticError as error:
        claim = f"Interactions of the API's flags cannot be computed, because {error}"
        return [finding(study, ORDINAL, question=QUESTION, kind="observation", claim=claim, trust=checks,
                        verdict="untrusted" if vetoed(checks) else "inconclusive",
                        next_step="Look at the trials named api-together-...")]  # fmt: skip


def checks_together(study: Study, result: ExperimentResult) -> tuple[TrustCheck, ...]:
    """Return the checks on all arms, for every comparison here rests on several: of each kind one that failed."""
    machine = machine_null(study.run)
    checks: dict[str, TrustCheck] = {}
    for check in (c for arm in result.experiment.arms for c in checks_of(study, result, arm, CPU, machine)):
        if checks.setdefault(check.name, check).passed:
            checks[check.name] = check
    return tuple(checks.values())


def _whole(
    study: Study, together: Together, result: ExperimentResult, checks: tuple[TrustCheck, ...], figure: Evidence | None
) -> Finding:
    silent, settings = vetoed(checks), together.settings
    then = "" if silent else no_longer_paying(settings, together.cpu)
    return observation(
        study,
        ORDINAL,
        checks,
        question=QUESTION,
        claim=joint_claim(together, silent=silent) + then + prices_told(settings),
        variant=result.experiment.variant_of(arm_of(settings, frozenset(range(len(settings))))),
        condition=result.experiment.condition,
        effect=effect_of_comparison("CPU per request, all flags together", together.cpu.together),
        evidence=evidence(figure),
        caveats=(*together.left_out, OF_RATIOS, STAND_IN_CAVEAT),
        headline=2,
        details=_tables(together, silent),
    )


def _tables(together: Together, silent: bool) -> dict[str, Any]:
    """Return the order by CPU, and interactions of CPU and of response p95, where that can be computed."""
    arms = [one.arm for one in together.settings]
    tables = {
        "order_of_adoption": order_rows(together.settings, together.cpu, silent=silent),
        "interactions": interaction_rows(arms, together.cpu, silent=silent),
    }
    try:
        return {**tables, "interactions_of_response_p95": interaction_rows(arms, together.figure(P95), silent=silent)}
    except StatisticError:
        return tables


def _on_top(
    study: Study, together: Together, result: ExperimentResult, checks: tuple[TrustCheck, ...], figure: Evidence | None
) -> list[Finding]:
    """Return what each flag does where it comes last; a figure that cannot be computed has none."""
    found: list[Finding] = []
    for spec in STANDARD:
        try:
            ends = together.figure(spec).last
        except StatisticError:
            continue
        family = f"Holm over {len(ends)} flags, for this figure by itself"
        for one, said in zip(together.settings, ends, strict=True):
            fields = _last(one, spec, said, family) | {"trust": checks, "evidence": evidence(figure)}
            fields["verdict"] = "untrusted" if vetoed(checks) else said.verdict
            fields["variant"] = result.experiment.variant_of(one.arm)
            fields["condition"] = f"{ON_TOP}, {result.experiment.condition}"
            found.append(finding(study, f"{ORDINAL}.{one.arm.replace('=', '-')}.{spec.column}", **fields))
    return found


def _last(one: Setting, spec: FigureSpec, said: Comparison, family: str) -> dict[str, Any]:
    """Return what a finding on one figure of one flag, on top of the others, says of it."""
    return {
        "question": f"What does {one.arm} do to {spec.name} {ON_TOP}?",
        "kind": "comparison",
        "stage": "confirmed",
        "strategy": one.strategy,
        "claim": f"{one.arm} changes {spec.name} by {percent_change(said)} {ON_TOP}, in {said.n} blocks of fresh "
        f"processes ({family}).",
        "effect": effect_of_comparison(spec.name, said),
        "caveats": (said.caveat,) if said.caveat else (),
        "details": {"flag": one.arm, "title": ON_TOP, "figure": spec.name},
    }
