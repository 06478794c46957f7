"""What 30_prototype concludes of single flags: screened, or confirmed on fresh blocks; only the latter is published."""

from __future__ import annotations

from typing import Any

from perflab.experiments.conclude.parts import (
    answers_check,
    effect_of_comparison,
    evidence,
    finding,
    given_up,
    percent_change,
    vetoed,
)
from perflab.experiments.confirm import Confirmation, FlagConfirmed
from perflab.experiments.screen import FlagEffect, Screening
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

SCREENED = "screened, not confirmed"
DIRECTION = {"better": "less", "worse": "more"}  # CPU, as a screening seems to say; no verdict
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
    found: list[Finding] = [_not_screened(study, screening)] if screening.without_work else []
    for rank, effect in enumerate(screening.effects, 1):
        mine = [f for f in confirmation.figures if f.effect.arm == effect.arm] if confirmation else []
        if not mine:
            found.append(_screened(study, screening, effect, screened_trust, figure))
        found += [_confirmed(study, confirmation, item, confirmed_trust, figure, rank) for item in mine if confirmation]
    return found


def _screened(
    study: Study, screening: Screening, effect: FlagEffect, trust: tuple[TrustCheck, ...], figure: Evidence | None
) -> Finding:
    checks = (*trust, equal_answers(study, effect, effect.equal_answers))
    metric = f"CPU per {study.system.unit}"
    rank = screening.effects.index(effect) + 1
    direction = "" if vetoed(checks) else DIRECTION.get(effect.comparison.verdict, "")
    points = f"points to {direction}" if direction else "points in no direction that stands"
    if refused := [check for check in checks if check.veto and not check.passed]:
        points = f"is refused, as {refused[0].name} failed ({refused[0].observed})"
    return finding(
        study,
        ordinal(study, effect),
        question=f"Does {effect.pair.label} pay?",
        kind="comparison",
        stage="screened",
        verdict="untrusted" if vetoed(checks) else "reported",
        strategy=effect.strategy,
        variant=effect.pair.changed.name,
        claim=f"{SCREENED.capitalize()}: of {metric} the screening of {effect.pair.label} alone {points}, "
        f"number {rank} of {len(screening.effects)} flags ({percent_change(effect.comparison)} in {screening.windows} "
        f"windows of {screening.users} users, an estimate to choose by and not to publish).",
        trust=checks,
        evidence=evidence(figure),
        caveats=(ONE_START, *_caveat(effect.comparison.caveat), *_caveat(_without_work(screening))),
        next_step="Confirm in fresh blocks: perflab spike --effort full",
        details={"flag": effect.flag, "explanation": _told(checks, f"No verdict: {SCREENED}."), "rank": rank}
        | {"direction": direction}
        | {"adjusted_p": effect.screened.adjusted_p, "chosen": effect.screened.chosen}
        | given_up(study, effect.pair.base.flags, effect.pair.changed.flags),
    )


def _not_screened(study: Study, screening: Screening) -> Finding:
    """Return the finding on the flags whose arm did no work, or refused some: they are not among those screened."""
    contest = "; a flag that refuses work needs a contest of its own, under the load that it is meant for"
    return finding(
        study,
        "flags.without-work",
        question="Which flags could not be screened?",
        kind="observation",
        verdict="inconclusive",
        claim=f"Not every flag could be screened: {'; '.join(screening.without_work)}.",
        next_step="Look at the logs of the trials named screen-...: a unit that fails is no work done"
        + (contest if screening.refusing else ""),
    )


def _without_work(screening: Screening) -> str:
    return f"left out of the screening: {'; '.join(screening.without_work)}" if screening.without_work else ""


def _confirmed(
    study: Study,
    fresh: Confirmation,
    item: FlagConfirmed,
    trust: tuple[TrustCheck, ...],
    figure: Evidence | None,
    rank: int,
) -> Finding:
    effect, said = item.effect, item.confirmed.comparison
    checks = (
        *trust,
        fresh.blocks.failing_alike(effect.arm, effect.base),
        equal_answers(study, effect, item.equal_answers),
    )
    metric = f"CPU per {study.system.unit}" if item.figure == "CPU" else item.figure
    family = f"Holm over {item.confirmed.family} flags, for this figure by itself"
    why = fresh.blocks.stop
    return finding(
        study,
        ordinal(study, effect) + ("" if item.figure == "CPU" else f".{item.column}"),
        question=f"Does {effect.pair.label} {'pay' if item.figure == 'CPU' else f'change {metric}'}?",
        kind="comparison",
        stage="confirmed",
        verdict="untrusted" if vetoed(checks) else said.verdict,
        strategy=effect.strategy,
        variant=effect.pair.changed.name,
        claim=f"Confirmed on fresh blocks: {effect.pair.label} alone changes {metric} by {percent_change(said)} in "
        f"{said.n} paired blocks ({family}).",
        effect=effect_of_comparison(metric, said),
        trust=checks,
        evidence=evidence(figure),
        caveats=(*_caveat(said.caveat), *fresh.problems, *((f"measuring {why.sentence}",) if why else ())),
        next_step=next_step(item, why.pairs_needed if why else 0),
        details={"flag": effect.flag, "explanation": _told(checks, said.explanation), "rank": rank}
        | {"adjusted_p": item.confirmed.adjusted_p, "pairs": said.n}
        | given_up(study, effect.pair.base.flags, effect.pair.changed.flags),
    )


def ordinal(study: Study, effect: FlagEffect) -> str:
    """Return what a flag's finding is numbered by: the flag, and the value where it is not the optimised one."""
    optimised = next(f for f in study.system.flag if f.name == effect.flag).optimised
    return f"flag.{effect.flag}" + ("" if effect.value == optimised else f".{effect.value}")


def next_step(item: FlagConfirmed, pairs_needed: int) -> str:
    """Return how many more pairs an undecided figure asks for; empty when it is decided."""
    said = item.confirmed.comparison
    if said.verdict != "inconclusive":
        return ""
    more = max(said.pairs_needed - said.n, pairs_needed)
    return f"About {more} more pairs would settle {item.effect.arm}" if more > 0 else "Measure again: it is at the edge"


def equal_answers(study: Study, effect: FlagEffect, counts: tuple[int, int]) -> TrustCheck:
    """Return the check that a flag of class exact leaves every compared answer as it was."""
    flag = next(f for f in study.system.flag if f.name == effect.flag)
    exact = flag.value_of(effect.value).equivalence == "exact"
    return answers_check(counts, exact=exact, changed=effect.arm, what="a flag")


def forest_rows(
    screening: Screening, confirmation: Confirmation | None, checks: tuple[TrustCheck, ...]
) -> list[dict[str, Any]]:
    """Return one ratio for each flag, confirmed where it was, and the null arm's; no verdict where a check vetoes.

    The null arm has no verdict at all: it passed or it failed.
    """
    rows = [_forest_row(effect, confirmation) for effect in screening.effects]
    if vetoed(checks):
        rows = [row | {"verdict": "untrusted"} for row in rows]
    null, held = screening.null, "failed" if screening.failed_null else "passed"
    return [*rows, {"label": "null arm (baseline again)", "value": null.effect, "low": null.low, "high": null.high,
                    "verdict": held}]  # fmt: skip


def _forest_row(effect: FlagEffect, confirmation: Confirmation | None) -> dict[str, Any]:
    """Return one row; the word of a screened flag is that nothing confirmed it."""
    fresh = confirmation.of(effect.arm) if confirmation else None
    said, word = effect.comparison, "not confirmed"
    if confirmation and fresh:
        said = fresh.confirmed.comparison
        answers = answers_check(fresh.equal_answers, exact=effect.exact, changed=effect.arm, what="a flag")
        own = (confirmation.blocks.failing_alike(effect.arm, effect.base), answers)
        word = "untrusted" if vetoed(own) else said.verdict
    label = f"{effect.flag}={effect.value} ({'confirmed' if fresh else 'screened'})"
    return {"label": label, "value": said.effect, "low": said.low, "high": said.high, "verdict": word}


def _told(checks: tuple[TrustCheck, ...], explanation: str) -> str:
    """Return the sentence of a comparison, or why there is none: a refused one must not say its verdict either."""
    failed = [f"{check.name}: {check.observed}" for check in checks if check.veto and not check.passed]
    return f"No verdict: {'; '.join(failed)}." if failed else explanation


def _caveat(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
