"""From the cases of a strategy to one decision: adopt, adopt if, reject, or needs more data."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.guide.cases import GAINS, LOSSES, ROLES, Case, Role, cases_of, labels

HOW_TO_READ = (
    "adopt: a gain in every condition measured or screened, with CPU, tail latency and memory all shown, nothing hurt "
    "and nothing open. adopt if: a gain that depends on a condition, has a price, has a figure still open, or was only "
    "screened under another condition; the condition is named. "
    "not if: a loss where it is named, while another condition is open or its screening points to a gain. "
    "reject: no gain, or a loss, wherever it was measured; a loss is one only where CPU, tail latency and memory leave "
    "no room for a gain that pays for it, and no median that was seen to fall is still open. "
    "Fewer reads of a store and the like are means: they decide nothing. "
    "needs more data: the interval allows either. What was only screened is never adopted and never rejected: "
    "confirm it first; do not confirm what the screening shows as a loss somewhere and a gain nowhere. "
    "Seen on one start: its gains come from one start of a server, whose own chance is not in the intervals."
)
NOT_SHOWN: dict[Role, str] = {"CPU": "CPU", "tail": "the tail", "memory": "memory"}
ASKS = re.compile(r"What does .+ do to (?P<figure>.+)\?$")


def decide(own: Sequence[Finding]) -> str:
    """Return the decision on one strategy from every measured figure of it, under every condition.

    Signs that differ by condition make it "adopt if", naming the conditions; one figure alone never makes it "adopt".
    A screening counts where nothing published covers its setting and condition: it holds back "adopt", and "reject" too
    where it points to a gain.
    """
    compared = cases_of(f for f in own if f.kind == "comparison")
    published = [case for case in compared if not case.screened]
    if not compared:
        return "needs more data: observed, not compared"
    if not published:
        return _of_screening(compared)
    screened = [case for case in compared if case.screened and not any(p.covers(case) for p in published)]
    if any(case.outcome in GAINS for case in published):
        return _of_gains(published, screened)
    return _without_gain(published, [case for case in screened if case.points == "less"])


def _of_gains(published: Sequence[Case], screened: Sequence[Case]) -> str:
    """Return "adopt", or on what it depends: the price, the condition, what is open, what was only screened."""
    gains = [case for case in published if case.outcome in GAINS]
    limits = {
        "not if": [case for case in published if case.outcome in LOSSES],
        "open:": [case for case in published if case.outcome == "open"],
        "confirm:": [case for case in screened if case.points == "less"],
        "worse in the screening:": [case for case in screened if case.points == "more"],
        "nothing seen in the screening:": [case for case in screened if not (case.points or case.refused)],
        "screening not to be trusted:": [case for case in screened if not case.points and case.refused],
    }
    seen = [*published, *screened]
    told = [f"{word} {labels(cases, seen)}" for word, cases in limits.items() if cases]
    if told:
        return "; ".join([f"adopt if {labels(gains, seen)}{_at_a_price(gains)}", *told])
    outcomes = {case.outcome for case in gains}
    if outcomes == {"gain"}:
        return "adopt"
    priced = [case for case in gains if case.outcome == "gain at a price"]
    if priced:
        where = f" ({labels(priced, gains)})" if len(priced) < len(gains) else ""
        return f"adopt if the price is acceptable{where}{_and_lacking(gains)}"
    return f"adopt if {_lacking(gains)}"


def _without_gain(published: Sequence[Case], promising: Sequence[Case]) -> str:
    """Return "reject" where nothing speaks for it; `promising` are screenings elsewhere that point to a gain."""
    losses = [case for case in published if case.outcome in LOSSES]
    rest = [case for case in published if case.outcome == "open"]
    lost = any(case.outcome == "loss" for case in losses)
    if not losses or (rest and not lost):
        return "needs more data"
    seen = [*published, *promising]
    left = [f"{word} {labels(cases, seen)}" for word, cases in (("open:", rest), ("confirm:", promising)) if cases]
    if left:
        return "; ".join([f"not if {labels(losses, seen)}", *left])
    return "reject" if lost else "reject: no gain"


def _at_a_price(gains: Sequence[Case]) -> str:
    priced = any(case.outcome == "gain at a price" for case in gains)
    return f"{' and the price is acceptable' if priced else ''}{_and_lacking(gains)}"


def _and_lacking(gains: Sequence[Case]) -> str:
    return f" and {_lacking(gains)}" if any(case.partly_known for case in gains) else ""


def _lacking(gains: Sequence[Case]) -> str:
    """Return what must still hold, as the end of a sentence: the figures not shown, then those still open, by name."""
    partly = [case for case in gains if case.partly_known]
    found = [NOT_SHOWN[role] for role in ROLES if any(role in case.not_shown for case in partly)]
    found += [_figure(f) for case in partly for f in case.undecided]
    named = list(dict.fromkeys(found))
    told = named if len(named) < 4 else [*named[:2], f"{len(named) - 2} more figures"]
    return f"{' and '.join(filter(None, (', '.join(told[:-1]), told[-1])))} hold{'s' if len(told) == 1 else ''}"


def _of_screening(cases: Sequence[Case]) -> str:
    """Return what a screening alone allows: to confirm, or to look elsewhere; never to adopt."""
    directions = {case.points for case in cases}
    if "less" in directions:
        return "confirm first: screened only"
    worse = [f for case in cases for f in case.findings if f.details.get("direction") == "more"]
    if not worse:
        return "needs more data"
    named = list(dict.fromkeys(_figure(f) for f in worse))
    more = f" and {len(named) - 2} more" if len(named) > 2 else ""
    return f"do not confirm: worse in the screening ({', '.join(named[:2])}{more})"


def _figure(finding: Finding) -> str:
    """Return what a finding is about; a screened one carries no effect, and the screening of single flags is of CPU."""
    if finding.effect:
        return finding.effect.metric.replace("_", " ")
    asked = ASKS.match(finding.question)
    return str(finding.details.get("figure") or (asked["figure"] if asked else "CPU"))
