"""What 41_monitoring concludes."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.experiments.conclude.parts import finding
from perflab.experiments.self_report import APART, Compared, sentence
from perflab.experiments.study import Study
from perflab.experiments.watch import Checked, alert_table, kpi_table
from perflab.findings.finding import Evidence, Finding
from perflab.monitor.rules import RuleSet

SAID = 400  # characters of promtool's own words


def conclude(
    study: Study, rules: RuleSet | None, checked: Checked | None, told: Sequence[Compared] = ()
) -> list[Finding]:
    """Return the finding on the generated alert rules, or why there are none, and what the counters are worth."""
    question = "Are the targets watched by tested alert rules?"
    if rules is None or checked is None:
        return [
            finding(
                study,
                "1",
                question=question,
                kind="observation",
                verdict="not-yet-judged",
                level="none",
                claim="No alert rules: the system's file has no [monitor] table that names its series.",
                next_step="Name the exported series in [monitor]",
            )
        ]
    watched = sorted({target for alert in rules.alerts for target in alert.targets})
    files = tuple(
        Evidence(kind="file", path=str(path.relative_to(study.run.path)), title=path.name) for path in checked.files
    )
    passed = checked.syntax.status == checked.tests.status == "passed"
    return [
        finding(
            study,
            "1",
            question=question,
            kind="observation",
            verdict="reported" if passed else "inconclusive",
            level="proxy",
            evidence=files,
            claim=f"{len(rules.alerts)} alert rules watch {len(watched)} targets. {checked.sentence}",
            details={
                "alerts": alert_table(rules).to_dict("records"),
                "kpis": kpi_table(rules).to_dict("records"),
                "gaps": [{"target": id, "why": why} for id, why in rules.gaps.items()],
            },
            caveats=_caveats(rules, checked),
            next_step=_next_step(checked),
        ),
        *([_self_report(study, told)] if told else []),
    ]


def _self_report(study: Study, told: Sequence[Compared]) -> Finding:
    """Return whether the series that alerts are made of tell what the clients saw in the load matrix."""
    compared = [row for row in told if row.apart is not None]
    parted = any(abs(row.apart or 0.0) > APART for row in compared)
    step = (
        "Export a counter of what the clients lacked, or rely on NoUnitFinished and a probe for it" if parted
        else "" if compared else "Name [metrics] url, and series that the page has, in the system's file"
    )  # fmt: skip
    return finding(
        study, "2", question="Do the system's own counters tell what its clients saw?", kind="observation",
        verdict="reported" if compared else "not-yet-judged", level=study.level if compared else "none",
        claim=sentence(told), details={"self_report": [row.row() for row in told]}, next_step=step,
        caveats=("targets are judged by the clients' rows, whatever source they name; "
                 "a response by the system's clock leaves out the way to and from the client",),
    )  # fmt: skip


def _caveats(rules: RuleSet, checked: Checked) -> tuple[str, ...]:
    """Say what was not tested, and in promtool's own words what failed."""
    slow = sum(alert.slow for alert in rules.alerts)
    failed = [o.detail for o in (checked.syntax, checked.tests) if o.status == "failed"]
    untested = f"{slow} alerts that look back a day or more were not unit-tested in this run"
    return (
        *(f"promtool said: {' '.join(words.split())[:SAID]}" for words in failed),
        *([untested] if slow and checked.tests.status == "passed" else []),
        "tested on made-up series; no fault was injected into the live system yet",
    )


def _next_step(checked: Checked) -> str:
    if checked.syntax.status == "skipped":
        return "Install promtool to check the rules: perflab doctor"
    failed = "failed" in (checked.syntax.status, checked.tests.status)
    return "Mend the rule that promtool names, then run 41_monitoring again" if failed else ""
