"""Which findings rest on one measurement: targets that ask for the same figure are one fact, however many they are."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence

from perflab.findings.conditions import Conditions
from perflab.findings.finding import Effect, Finding
from perflab.units import canonical, interval_text

DIGITS = 9  # two limits in ms and in s lead to one figure by two ways of rounding


def measurement_of(finding: Finding) -> Hashable | None:
    """Return what tells one measurement from another; None where a finding has no figure.

    The same metric of the same variant, scenario and condition, with the same value, bounds and n, is the same rows
    read once more: two targets, or one quoted at two places. Weakness: figures that are equal by chance would be
    taken for one, which of rows that are not the same does not happen to nine digits.
    """
    effect = finding.effect
    if effect is None:
        return None
    where = (finding.notebook, finding.variant, finding.scenario, finding.condition)
    return (*where, effect.metric, effect.n, effect.n_unit, effect.method, *_amounts(effect))


def by_measurement(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings in groups that rest on one measurement each, in order; one without a figure stands alone."""
    groups: dict[Hashable, list[Finding]] = {}
    for number, finding in enumerate(findings):
        key = measurement_of(finding)
        groups.setdefault((number,) if key is None else key, []).append(finding)
    return list(groups.values())


def one_measurement(findings: Sequence[Finding], among: Conditions | None = None, *, figures: bool = True) -> str:
    """Return in words which of some findings on targets rest on one measurement, with its figure; "" where none do.

    "one measurement: voice response time p95 1.91 s (1.76 s to 2.07 s)" where all do, else which of them. With `among`
    what tells the figure's condition from the others is named too. `figures=False` leaves the figure out.
    """
    shared = [group for group in by_measurement(findings) if len(group) > 1]
    told = []
    for group in shared:
        whole = len(group) == len(findings)
        who = "" if whole else f"{_listed(sorted(f.target_id or f.id for f in group))} are "
        told.append(f"{who}one measurement{': ' + figure_of(group[0], among) if figures else ''}")
    return "; ".join(told)


def same_as(findings: Iterable[Finding]) -> dict[str, str]:
    """Return for each finding whose measurement another has too, by its id, the targets that the others are."""
    found = {}
    for group in by_measurement(findings):
        for finding in group:
            others = sorted(f.target_id or f.id for f in group if f is not finding)
            if others:
                found[finding.id] = _listed(others)
    return found


def figure_of(finding: Finding, among: Conditions | None = None) -> str:
    """Return a figure by name: "voice response time p95 1.91 s (1.76 s to 2.07 s) under latency=slow"."""
    effect = finding.effect
    if effect is None:
        return ""
    under = among.shown(finding.condition) if among else ""
    said = interval_text(effect.value, effect.low, effect.high, effect.unit)
    return f"{_named(finding, effect)} {said}{f' under {under}' if under else ''}"


def _named(finding: Finding, effect: Effect) -> str:
    """Return the metric with its percentile, which a claim on a target begins with."""
    found = re.match(rf"{re.escape(effect.metric)} (p\d+) ", finding.claim)
    return effect.metric.replace("_", " ") + (f" {found[1]}" if found else "")


def _amounts(effect: Effect) -> tuple[str, ...]:
    known = (effect.value, effect.low, effect.high)
    return tuple("" if v is None else f"{canonical(v, effect.unit)[0]:.{DIGITS}g}" for v in known)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
