"""All published effects of all strategies below each other: one picture each for CPU, tail latency and memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perflab.findings.finding import Evidence, Finding
from perflab.report.deliverables.guide.cases import ROLES, Role, by_strategy, cases_of, role
from perflab.report.figures.forest import forest
from perflab.runs import Run

MARGINS: dict[Role, float] = {"CPU": 0.05, "tail": 0.10, "memory": 0.05}  # as the experiments' own
TITLES: dict[Role, str] = {
    "CPU": "CPU: every setting of every strategy against its base",
    "tail": "Tail latency: the same settings",
    "memory": "Memory: the same settings",
}
LONGEST = 64  # characters of a label: a longer one leaves no room for the axis


def strategy_forests(run: Run, findings: Iterable[Finding]) -> tuple[Evidence, ...]:
    """Draw the effects into the run; return the evidence, CPU first; () where nothing was published as a ratio.

    What was only screened carries no effect, and what is compared in units (MB of one query) has no place on an axis of
    ratios: its figures stand on the cards.
    """
    compared = by_strategy([f for f in findings if f.kind == "comparison" and (f.strategy or f.variant)])
    drawn = []
    for own in ROLES:
        rows = forest_rows(compared, own)
        if rows:
            figure = forest(rows, TITLES[own], MARGINS[own], {"tail": "tail latency"}.get(own, own))
            drawn.append(figure.save(run, f"guide-{own.lower()}"))
    return tuple(drawn)


def forest_rows(groups: dict[str, list[Finding]], own: Role) -> list[dict[str, Any]]:
    """Return one row for each published ratio of what `own` names, the smallest ratio first."""
    rows = [
        {
            "label": _label(key, case.setting, str(finding.details.get("title", "")) or case.condition, finding),
            "value": effect.value,
            "low": effect.low,
            "high": effect.high,
            "verdict": finding.verdict,
        }
        for key, found in groups.items()
        for case in cases_of(found)
        if not case.screened
        for finding in case.deciding
        if role(finding) == own and (effect := finding.effect) and effect.unit == "ratio" and effect.value > 0
    ]
    return sorted(rows, key=lambda row: (row["value"], row["label"]))


def _label(key: str, setting: str, title: str, finding: Finding) -> str:
    """Return strategy, setting, condition, and the figure's name where it is not the usual one of its kind."""
    metric = finding.effect.metric if finding.effect and finding.details.get("own figure") else ""
    name = f"{key} {setting}" if key.startswith("ST-") else setting
    label = ", ".join(filter(None, (name, title, metric)))
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
