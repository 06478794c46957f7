"""What a contest concludes: at full effort a comparison for each figure of each way, at quick a screening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, vetoed
from perflab.experiments.state_database import way_memory
from perflab.experiments.state_database.contest import MEDIAN, Contest, Span, span_text, tied_range, tied_verdict
from perflab.experiments.strategies.conclude import DIRECTION, ArmJudged
from perflab.experiments.study import Study
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck

ONE_START = "one start of server and client is behind all blocks: how starts differ is not in the interval"


def contest_findings(study: Study, contests: Sequence[Contest], judged: Sequence[ArmJudged],
                     figure: Evidence | None = None) -> list[Finding]:  # fmt: skip
    """Return a finding of kind comparison for each figure of each way, its price and plans beside it.

    `figure` shows the medians and stands beside those. Those of a screening publish no effect, only the direction in
    which something was seen. The plans of a way and of what it replaces stand as a table on the first of its figures.
    """
    by_key = {contest.key: contest for contest in contests}
    found: list[Finding] = []
    planned: set[tuple[str, str]] = set()
    for item in judged:
        contest = by_key[item.result.experiment.key]
        made = _finding(study, contest, item, figure if item.figure == MEDIAN else None)
        if made is not None and (contest.key, item.arm) not in planned:
            planned.add((contest.key, item.arm))
            made = made.model_copy(update={"details": made.details | _plans(contest, item.arm)})
        found += [made] if made is not None else []
    return found


def _finding(study: Study, contest: Contest, item: ArmJudged, figure: Evidence | None) -> Finding | None:
    span = tied_range(item)
    if not item.result.sizes.fresh and (item.judged or span):
        return _screened(study, contest, item, span, figure)
    if item.judged:
        return _published(study, contest, item, figure)
    return _tied(study, contest, item, span) if span else None


def _plans(contest: Contest, arm: str) -> dict[str, Any]:
    """Return the query plans and fixed prices before and after as a table; {} where neither is known."""
    rows = [{"way": way, "plan": contest.plans.get(way, ""), "fixed price": contest.facts.get(way, "")}
            for way in (contest.base, arm)]  # fmt: skip
    filled = [name for name in ("plan", "fixed price") if any(row[name] for row in rows)]
    return {"plans": [{name: row[name] for name in ("way", *filled)} for row in rows]} if filled else {}


def _published(study: Study, contest: Contest, item: ArmJudged, figure: Evidence | None) -> Finding:
    assert item.judged is not None
    said, checks = item.judged.comparison, _checks(contest, item)
    return finding(
        study, **_common(contest, item), evidence=evidence(figure), trust=checks,
        claim=f"{item.arm} instead of {contest.base} changes the {item.figure.name} by {item.shown} in {said.n} "
        f"interleaved blocks ({contest.condition}).",
        verdict="untrusted" if vetoed(checks) else said.verdict,
        effect=effect_of_comparison(item.figure.name, said, "ratio" if said.scale == "ratio" else item.figure.unit),
        caveats=(_start(item), *((said.caveat,) if said.caveat else ())),
        details=_details(contest, item) | {"adjusted_p": item.judged.adjusted_p},
    )  # fmt: skip


def _screened(study: Study, contest: Contest, item: ArmJudged, span: Span | None, figure: Evidence | None) -> Finding:
    checks, more = _checks(contest, item), {}
    if item.judged is None:
        assert span is not None
        verdict, shown = tied_verdict(item, span), span_text(item.figure, span)
    else:
        verdict, shown = item.judged.comparison.verdict, item.shown
        more = {"adjusted_p": item.judged.adjusted_p}
    direction = "" if vetoed(checks) else DIRECTION.get(verdict, "")
    return finding(
        study, **_common(contest, item), evidence=evidence(figure), stage="screened", trust=checks,
        claim=f"Screened, not confirmed: {item.arm} instead of {contest.base} and the {item.figure.name}, {shown} in "
        f"{item.result.sizes.blocks} interleaved blocks ({contest.condition}).",
        verdict="untrusted" if vetoed(checks) else "reported",
        caveats=(f"{ONE_START}: find what to confirm, not what to publish",),
        next_step="Confirm by more blocks: --effort full",
        details=_details(contest, item) | more | {"direction": direction},
    )  # fmt: skip


def _common(contest: Contest, item: ArmJudged) -> dict[str, Any]:
    return {
        "ordinal": f"{contest.key}.{_word(item.arm)}.{item.figure.column}", "kind": "comparison",
        "question": f"{contest.title}: what does {item.arm} do to the {item.figure.name}?",
        "strategy": item.result.experiment.strategy_of(item.arm), "variant": item.arm, "condition": contest.condition,
    }  # fmt: skip


def _details(contest: Contest, item: ArmJudged) -> dict[str, Any]:
    return {
        "title": contest.title, "figure": item.figure.name, "instead of": contest.base, "starts": 1,
        "price": contest.price, "turns": contest.turns,
        "fixed price": contest.facts.get(item.arm, ""), "plan": contest.plans.get(item.arm, ""),
        "plan before": contest.plans.get(contest.base, ""),
        **({"gives up": contest.gives_up[item.arm]} if item.arm in contest.gives_up else {}),
    }  # fmt: skip


def _start(item: ArmJudged) -> str:
    """Return what is behind all blocks: one start of everything, or for memory connections opened anew."""
    return way_memory.CAVEAT if item.figure is way_memory.WORKING else ONE_START


def _checks(contest: Contest, item: ArmJudged) -> tuple[TrustCheck, ...]:
    return (*item.result.null_checks, _same_answers(contest, item))


def _tied(study: Study, contest: Contest, item: ArmJudged, span: Span) -> Finding:
    low, middle, high = span
    blocks, checks = item.result.sizes.blocks, _checks(contest, item)
    return finding(
        study, **_common(contest, item), trust=checks,
        claim=f"{item.arm} instead of {contest.base}: {item.figure.name} {span_text(item.figure, span)}, all of "
        f"{blocks} blocks ({contest.condition}).",
        verdict="untrusted" if vetoed(checks) else tied_verdict(item, span),
        caveats=(_start(item), "the blocks are too much alike for an interval: their whole range is given"),
        effect=Effect(metric=item.figure.name, value=middle, low=low, high=high,
                      unit=item.figure.unit if item.figure.in_units else "ratio", n=blocks,
                      n_unit="pairs", method="range of all blocks"),
        details=_details(contest, item),
    )  # fmt: skip


def _word(text: str) -> str:
    return "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in text).split())


def _same_answers(contest: Contest, item: ArmJudged) -> TrustCheck:
    equal, compared = item.result.equal_answers(item.arm)
    return TrustCheck(
        name="the same answers", passed=equal == compared or item.arm in contest.unlike,
        observed=f"{equal} of {compared} blocks" if compared else "writes: nothing is answered", limit="all",
    )  # fmt: skip
