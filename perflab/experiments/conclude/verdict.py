"""What 90_verdict concludes: the decision, by fixed rules, from findings alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.experiments.conclude.parts import EQUAL_ANSWERS, finding
from perflab.experiments.conclude.targets import settings_told
from perflab.experiments.judging import WORLD
from perflab.experiments.material import material_of
from perflab.experiments.study import Study
from perflab.experiments.summing_up import traced
from perflab.findings.conditions import conditions_of
from perflab.findings.finding import Finding
from perflab.findings.measurement import one_measurement
from perflab.findings.traceability import TraceRow


def conclude(study: Study, findings: Sequence[Finding]) -> list[Finding]:
    """Return the decision on the judged variant.

    Rules: a missed target, or answers that differ though they promise not to, mean do not ship as it is; untrusted
    targets mean measure again; otherwise ship, with "provisionally" while anything was only measured quickly or is
    still open. A target that the world around the system misses by itself keeps nobody from shipping, as not shipping
    would not mend it; it stays a miss, and is named.
    """
    rows = [r for r in traced(study, findings) if r.domain == study.system.domain]
    named = {v: [r.id for r in rows if r.verdict == v] for v in ("misses", "untrusted", "inconclusive", "meets")}
    waiting, why_waiting = _waiting(rows)
    judged = study.system.judge
    on_targets = [f for f in findings if f.kind == "target" and f.variant in ("", judged)]
    own = [id for id in named["misses"] if not _by_the_world(on_targets, id)]
    around = [id for id in named["misses"] if id not in own]
    decided = {row.id: f for row in rows for f in on_targets if f.id in row.finding_ids[:1]}
    apart = (
        f" {', '.join(around)} {'are' if len(around) > 1 else 'is'} missed{_under(on_targets, around)} by the world "
        f"around it alone: no change of the system can mend that.{_as_one(on_targets, decided, around)}"
        if around
        else ""
    )
    if own:
        claim = f"Do not ship {judged} as it is: it misses {', '.join(own)}{_under(on_targets, own)}."
        claim += _as_one(on_targets, decided, own)
    elif answers := _unequal(findings, judged):
        claim = f"Do not ship {judged} as it is: it changes answers that it promises to leave alone ({answers})."
    elif named["untrusted"]:
        claim = f"Measure {judged} again: trust checks refused to judge {_counted(named['untrusted'])}."
    elif not named["meets"] and not around:
        left = (
            f"no target is met or missed, inconclusive: {', '.join(named['inconclusive'])}"
            if named["inconclusive"]
            else ""
        )
        claim = f"Nothing can be said of {judged} yet: {left or 'no target has a verdict under every condition'}."
    else:
        how = ", provisionally" if study.quick or named["inconclusive"] or waiting else ""
        unsure = f", {len(named['inconclusive'])} inconclusive ({', '.join(named['inconclusive'])})"
        none = "none missed by its own doing" if around else "none missed"
        claim = f"Ship {judged}{how}: {len(named['meets'])} targets met, {none}"
        claim += (unsure if named["inconclusive"] else "") + why_waiting + "."
        claim += _as_one(on_targets, decided, named["inconclusive"]) + _gain_unknown(findings, judged)
    open_points = f"{len(named['inconclusive'])} inconclusive, {waiting} not yet judged"
    synthetic = dict.fromkeys(told for f in on_targets for told in material_of(f.details).caveats)
    return [
        finding(
            study,
            "1",
            question="What should we do?",
            kind="observation",
            verdict="reported",
            claim=claim + apart,
            headline=9,
            caveats=(open_points, *synthetic),
            details={"targets": {k: v for k, v in named.items() if v}, "judged_under": _settings(study, on_targets)},
        )
    ]


def _counted(ids: Sequence[str]) -> str:
    """Return the ids of some targets, from six on their number and the first three: the tiles show each."""
    return ", ".join(ids) if len(ids) < 6 else f"{len(ids)} targets ({', '.join(ids[:3])} and {len(ids) - 3} more)"


def _waiting(rows: Sequence[TraceRow]) -> tuple[int, str]:
    """Return how many targets are not yet judged, and in words why: measured too little, or not at all in this run."""
    waiting = [row for row in rows if row.verdict == "not-yet-judged"]
    if not waiting:
        return 0, ""
    short = sum(bool(row.finding_ids) for row in waiting)
    never = len(waiting) - short
    why = f" ({short} too little measured, {never} not measured in this run)" if short and never else ""
    return len(waiting), f", {len(waiting)} not yet judged{why}"


def _as_one(on_targets: Sequence[Finding], decided: Mapping[str, Finding], ids: Sequence[str]) -> str:
    """Return as a sentence which of some targets rest on one measurement, so that one figure is not read as several."""
    found = [decided[id] for id in ids if id in decided]
    told = one_measurement(found, conditions_of(on_targets))
    if told.startswith("one "):
        return f" These {len(found)} targets are {told}."
    return f" {told}." if told else ""


def _gain_unknown(findings: Sequence[Finding], judged: str) -> str:
    """Return that the gain is not known, where trust checks refused all that was compared of the judged variant."""
    compared = [f for f in findings if f.kind == "comparison" and f.variant == judged and f.headline]
    if not compared or any(f.verdict != "untrusted" for f in compared):
        return ""
    return " What it gains against the baseline is not known: trust checks refused each comparison with it."


def _by_the_world(on_targets: Sequence[Finding], id: str) -> bool:
    """Whether each miss of a target is the doing of the world around the system alone."""
    missed = [f for f in on_targets if f.target_id == id and f.verdict == "misses"]
    return bool(missed) and all(f.details.get("cause") == WORLD for f in missed)


def _settings(study: Study, on_targets: Sequence[Finding]) -> list[dict[str, str]]:
    """Return what each setting of the world under which targets were judged stands for, as far as the system says.

    With what was sent, as far as the load says: both are told once, above what was judged.
    """
    told = {k: v for f in on_targets for k, v in settings_told(study, f.condition).items()}
    sent = dict.fromkeys(filter(None, (material_of(f.details).told for f in on_targets)))
    rows = [*told.items(), *(("what was sent", each) for each in sent)]
    return [{"setting": name, "stands for": about} for name, about in rows]


def _under(on_targets: Sequence[Finding], missed: Sequence[str]) -> str:
    """Return under which condition the targets are missed, where they are met under all the others; else empty."""
    own = [f for f in on_targets if f.target_id in missed]
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
