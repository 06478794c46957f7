"""What 41_monitoring concludes."""

from __future__ import annotations

from perflab.experiments.conclude.parts import finding
from perflab.experiments.study import Study
from perflab.experiments.watch import Checked, alert_table, kpi_table
from perflab.findings.finding import Evidence, Finding
from perflab.monitor.rules import RuleSet


def conclude(study: Study, rules: RuleSet | None, checked: Checked | None) -> list[Finding]:
    """Return the finding on the generated alert rules, or why there are none."""
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
    return [
        finding(
            study,
            "1",
            question=question,
            kind="observation",
            verdict="inconclusive" if "failed" in (checked.syntax.status, checked.tests.status) else "reported",
            level="proxy",
            evidence=files,
            claim=f"{len(rules.alerts)} alert rules watch {len(watched)} targets. {checked.sentence}",
            details={
                "alerts": alert_table(rules).to_dict("records"),
                "kpis": kpi_table(rules).to_dict("records"),
                "gaps": [{"target": id, "why": why} for id, why in rules.gaps.items()],
            },
            caveats=("tested on made-up series; no fault was injected into the live system yet",),
            next_step="Install promtool to check the rules: perflab doctor"
            if checked.syntax.status == "skipped"
            else "",
        )
    ]
