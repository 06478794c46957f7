"""What 90_verdict concludes: the decision, by fixed rules, from findings alone."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.experiments.conclude.parts import EQUAL_ANSWERS, finding
from perflab.experiments.study import Study
from perflab.experiments.summing_up import traced
from perflab.findings.finding import Finding


def conclude(study: Study, findings: Sequence[Finding]) -> list[Finding]:
    """Return the decision on the judged variant.

    Rules: a missed target, or answers that differ though they promise not to, mean do not ship as it is; untrusted
    targets mean measure again; otherwise ship, with "provisionally" while anything was only measured quickly or is
    still open.
    """
    rows = [r for r in traced(study, findings) if r.domain == study.system.domain]
    named = {v: [r.id for r in rows if r.verdict == v] for v in ("misses", "untrusted", "inconclusive", "meets")}
    waiting = sum(r.verdict == "not-yet-judged" for r in rows)
    judged = study.system.judge
    if named["misses"]:
        claim = (
            f"Do not ship {judged} as it is: it misses {', '.join(named['misses'])}{_under(findings, named['misses'])}."
        )
    elif answers := _unequal(findings, judged):
        claim = f"Do not ship {judged} as it is: it changes answers that it promises to leave alone ({answers})."
    elif named["untrusted"]:
        claim = f"Measure {judged} again: trust checks refused to judge {', '.join(named['untrusted'])}."
    elif not named["meets"]:
        left = (
            f"no target is met or missed, inconclusive: {', '.join(named['inconclusive'])}"
            if named["inconclusive"]
            else ""
        )
        claim = f"Nothing can be said of {judged} yet: {left or 'no target has a verdict under every condition'}."
    else:
        how = ", provisionally" if study.quick or named["inconclusive"] or waiting else ""
        unsure = f", {len(named['inconclusive'])} inconclusive ({', '.join(named['inconclusive'])})"
        claim = f"Ship {judged}{how}: {len(named['meets'])} targets met, none missed"
        claim += (unsure if named["inconclusive"] else "") + (f", {waiting} not yet judged" if waiting else "") + "."
    open_points = f"{len(named['inconclusive'])} inconclusive, {waiting} not yet judged"
    return [
        finding(
            study,
            "1",
            question="What should we do?",
            kind="observation",
            verdict="reported",
            claim=claim,
            headline=9,
            caveats=(open_points,),
            details={"targets": {k: v for k, v in named.items() if v}},
        )
    ]


def _under(findings: Sequence[Finding], missed: Sequence[str]) -> str:
    """Return under which condition the targets are missed, where they are met under all the others; else empty."""
    own = [f for f in findings if f.kind == "target" and f.target_id in missed]
    misses, meets = ({f.condition for f in own if f.verdict == verdict} for verdict in ("misses", "meets"))
    if len(misses) != 1 or not meets:
        return ""
    (only,) = misses
    differ = [part for part in only.split(",") if not any(part in other.split(",") for other in meets)]
    return f" under {', '.join(differ)}" if differ else ""


def _unequal(findings: Sequence[Finding], judged: str) -> str:
    """Return how many answers of the judged variant equal the baseline's, where all should; empty where they do."""
    own = (check for f in findings if f.kind == "comparison" and f.variant == judged for check in f.trust)
    return next((c.observed for c in own if c.name == EQUAL_ANSWERS and c.veto and not c.passed), "")
