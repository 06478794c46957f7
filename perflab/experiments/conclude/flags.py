"""What 30_prototype concludes of single flags: screened, or confirmed on fresh blocks; only the latter is published."""

from __future__ import annotations

from typing import Any

from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, percent_change, vetoed
from perflab.experiments.confirm import Confirmation, FlagConfirmed
from perflab.experiments.screen import FlagEffect, Screening
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

SCREENED = "screened, not confirmed"
ONE_START = "screened side by side in one process for each flag: find what to confirm, not what to publish"


def conclude_flags(
    study: Study,
    screening: Screening,
    confirmation: Confirmation | None,
    screened_trust: tuple[TrustCheck, ...],
    confirmed_trust: tuple[TrustCheck, ...],
    figure: Evidence | None,
) -> list[Finding]:
    """Return one finding for each flag that was only screened, and one for each figure of a confirmed flag.

    A flag whose answers differ although it claims to be exact is untrusted, whatever it saves.
    """
    found: list[Finding] = []
    for rank, effect in enumerate(screening.effects, 1):
        mine = [f for f in confirmation.figures if f.effect.flag == effect.flag] if confirmation else []
        if not mine:
            found.append(_screened(study, screening, effect, screened_trust, figure))
        found += [_confirmed(study, confirmation, item, confirmed_trust, figure, rank) for item in mine if confirmation]
    return found


def _screened(
    study: Study, screening: Screening, effect: FlagEffect, trust: tuple[TrustCheck, ...], figure: Evidence | None
) -> Finding:
    checks = (*trust, equal_answers(study, effect, effect.equal_answers))
    metric = f"CPU per {study.system.unit}"
    counted = f"{len(screening.effects)} flags screened"
    return finding(
        study,
        f"flag.{effect.flag}",
        question=f"Does {effect.arm} pay?",
        kind="comparison",
        stage="screened",
        verdict="untrusted" if vetoed(checks) else effect.comparison.verdict,
        strategy=effect.strategy,
        variant=f"baseline+{effect.arm}",
        claim=f"{SCREENED.capitalize()}: {effect.arm} alone seems to change {metric} by "
        f"{percent_change(effect.comparison)} ({screening.windows} windows, {screening.users} users, {counted}).",
        effect=effect_of_comparison(f"{metric} ({SCREENED})", effect.comparison),
        trust=checks,
        evidence=evidence(figure),
        caveats=(ONE_START, *_caveat(effect.comparison.caveat)),
        next_step="Confirm in fresh blocks: perflab spike --effort full",
        details={"flag": effect.flag, "explanation": _told(checks, effect.comparison.explanation)}
        | {"rank": screening.effects.index(effect) + 1}
        | {"adjusted_p": effect.screened.adjusted_p, "chosen": effect.screened.chosen},
    )


def _confirmed(
    study: Study,
    fresh: Confirmation,
    item: FlagConfirmed,
    trust: tuple[TrustCheck, ...],
    figure: Evidence | None,
    rank: int,
) -> Finding:
    effect, said = item.effect, item.confirmed.comparison
    checks = (*trust, equal_answers(study, effect, item.equal_answers))
    metric = f"CPU per {study.system.unit}" if item.figure == "CPU" else item.figure
    family = f"Holm over {item.confirmed.family} flags, for this figure by itself"
    why = fresh.blocks.stop
    return finding(
        study,
        f"flag.{effect.flag}" + ("" if item.figure == "CPU" else f".{item.column}"),
        question=f"Does {effect.arm} pay?" if item.figure == "CPU" else f"Does {effect.arm} change {metric}?",
        kind="comparison",
        stage="confirmed",
        verdict="untrusted" if vetoed(checks) else said.verdict,
        strategy=effect.strategy,
        variant=f"baseline+{effect.arm}",
        claim=f"Confirmed on fresh blocks: {effect.arm} alone changes {metric} by {percent_change(said)} in {said.n} "
        f"paired blocks ({family}).",
        effect=effect_of_comparison(metric, said),
        trust=checks,
        evidence=evidence(figure),
        caveats=(*_caveat(said.caveat), *fresh.problems, *((f"measuring {why.sentence}",) if why else ())),
        next_step=next_step(item, why.pairs_needed if why else 0),
        details={"flag": effect.flag, "explanation": _told(checks, said.explanation), "rank": rank}
        | {"adjusted_p": item.confirmed.adjusted_p, "pairs": said.n},
    )


def next_step(item: FlagConfirmed, pairs_needed: int) -> str:
    """Return how many more pairs an undecided figure asks for; empty when it is decided."""
    said = item.confirmed.comparison
    if said.verdict != "inconclusive":
        return ""
    more = max(said.pairs_needed - said.n, pairs_needed)
    return f"About {more} more pairs would settle {item.effect.arm}" if more > 0 else "Measure again: it is at the edge"


def equal_answers(study: Study, effect: FlagEffect, counts: tuple[int, int]) -> TrustCheck:
    """Return the check that a flag of class exact leaves every compared answer as it was."""
    equal, compared = counts
    flag = next(f for f in study.system.flag if f.name == effect.flag)
    return TrustCheck(
        name="equal answers",
        passed=not (flag.value_of(effect.value).equivalence == "exact" and equal != compared),
        observed=f"{equal} of {compared} equal the baseline's",
        limit="all, for a flag of class exact",
        next_step=f"Find what {effect.arm} changes",
    )


def forest_rows(
    screening: Screening, confirmation: Confirmation | None, checks: tuple[TrustCheck, ...]
) -> list[dict[str, Any]]:
    """Return one ratio for each flag, confirmed where it was, and the null arm's; no verdict where a check vetoes."""
    rows = [_forest_row(effect, confirmation.of(effect.flag) if confirmation else None) for effect in screening.effects]
    null = screening.null
    rows.append({"label": "null arm (baseline again)", "value": null.effect, "low": null.low, "high": null.high,
                 "verdict": null.verdict})  # fmt: skip
    return [row | {"verdict": "untrusted"} for row in rows] if vetoed(checks) else rows


def _forest_row(effect: FlagEffect, confirmed: FlagConfirmed | None) -> dict[str, Any]:
    said = confirmed.confirmed.comparison if confirmed else effect.comparison
    label = f"{effect.arm} ({'confirmed' if confirmed else 'screened'})"
    return {"label": label, "value": said.effect, "low": said.low, "high": said.high, "verdict": said.verdict}


def _told(checks: tuple[TrustCheck, ...], explanation: str) -> str:
    """Return the sentence of a comparison, or why there is none: a refused one must not say its verdict either."""
    failed = [f"{check.name}: {check.observed}" for check in checks if check.veto and not check.passed]
    return f"No verdict: {'; '.join(failed)}." if failed else explanation


def _caveat(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
