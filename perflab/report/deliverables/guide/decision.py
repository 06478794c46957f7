"""From the cases of a strategy to one decision: adopt, adopt if, reject, or needs more data."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.guide.cases import GAINS, LOSSES, Case, cases_of, labels

HOW_TO_READ = (
    "adopt: a gain in every condition measured, with CPU, tail latency and memory all shown and none of them hurt. "
    "adopt if: a gain that depends on a condition, has a price, or has a figure still open; the condition is named. "
    "reject: no gain, or a loss, wherever it was measured. needs more data: the interval allows either. What was only "
    "screened is never adopted: confirm it first."
)


def decide(own: Sequence[Finding]) -> str:
    """Return the decision on one strategy from every measured figure of it, under every condition.

    Signs that differ by condition make it "adopt if", naming the conditions; one figure alone never makes it "adopt".
    """
    compared = cases_of(f for f in own if f.kind == "comparison")
    published = [case for case in compared if not case.screened]
    if not compared:
        return "needs more data: observed, not compared"
    if not published:
        return _of_screening(compared)
    gains = [case for case in published if case.outcome in GAINS]
    losses = [case for case in published if case.outcome in LOSSES]
    rest = [case for case in published if case.outcome == "open"]
    if gains and losses:
        return f"adopt if {labels(gains, published)}{_at_a_price(gains)}; not if {labels(losses, published)}"
    if gains and rest:
        return f"adopt if {labels(gains, published)}{_at_a_price(gains)}; open: {labels(rest, published)}"
    if gains:
        return _of_gains(gains)
    if any(case.outcome == "loss" for case in losses):
        return "reject"
    return "reject: no gain" if losses and not rest else "needs more data"


def _of_gains(gains: Sequence[Case]) -> str:
    outcomes = {case.outcome for case in gains}
    if outcomes == {"gain"}:
        return "adopt"
    priced = [case for case in gains if case.outcome == "gain at a price"]
    if priced:
        where = f" ({labels(priced, gains)})" if len(priced) < len(gains) else ""
        return f"adopt if the price is acceptable{where}"
    return "adopt if the other figures hold"


def _at_a_price(gains: Sequence[Case]) -> str:
    outcomes = {case.outcome for case in gains}
    if "gain at a price" in outcomes:
        return " and the price is acceptable"
    return " and the other figures hold" if "gain, not all shown" in outcomes else ""


def _of_screening(cases: Sequence[Case]) -> str:
    """Return what a screening alone allows: to confirm, or to look elsewhere; never to adopt."""
    directions = {f.details.get("direction", "") for case in cases for f in case.findings}
    if "less" in directions:
        return "confirm first: screened only"
    return "do not confirm: it costs CPU in the screening" if "more" in directions else "needs more data"
