"""Read all findings of a run and put them side by side; what 90_verdict calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflab.experiments.study import Study
from perflab.findings.finding import Finding, load_findings
from perflab.findings.traceability import TraceRow, trace_targets

if TYPE_CHECKING:
    import pandas as pd

CPU = "CPU"  # what a screening of flags compares: its findings name no figure


def read(study: Study) -> list[Finding]:
    """Return the findings of every other notebook of the run."""
    found = load_findings(study.run.folder("findings"))
    return [finding for finding in found if finding.notebook != study.notebook]


def traced(study: Study, findings: Sequence[Finding]) -> list[TraceRow]:
    """Return every target of the system's target file with its verdict or why there is none."""
    from perflab.findings.catalogue import load_goals, load_targets

    if not study.system.targets:
        return []
    path = study.system.resolve(study.system.targets)
    return trace_targets(
        load_targets(path), findings, domain=study.system.domain, variant=study.system.judge, goals=load_goals(path)
    )


def target_table(study: Study, findings: Sequence[Finding]) -> pd.DataFrame:
    """Return the targets of this system's domain."""
    import pandas as pd

    rows = [row for row in traced(study, findings) if row.domain == study.system.domain]
    return pd.DataFrame([{"target": r.id, "asked": r.text, "verdict": r.printed, "because": r.reason} for r in rows])


def strategy_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return what each flag does, figure by figure, with what one figure says: confirmed first, in screening's order.

    The decision on a strategy weighs all its figures and stands in the strategy guide.
    Ranking them by their confirmed estimates would choose a winner by the very figures that judge it.
    """
    import pandas as pd

    flags = [f for f in findings if f.kind == "comparison" and f.strategy and (f.effect or f.stage == "screened")]
    flags.sort(key=lambda f: (f.stage != "confirmed", f.details.get("rank", 0), f.id))
    return pd.DataFrame(
        [
            {
                "strategy": f.strategy,
                "variant": f.variant,
                "claim": f.claim,
                "verdict": f.verdict,
                "decision": decision(f),
            }
            for f in flags
        ]
    )


def decision(finding: Finding) -> str:
    """Return what one figure of one strategy says; never adopt or reject, which no single figure decides."""
    if finding.details.get("means"):
        return "a means: decides nothing"
    if finding.verdict in ("untrusted", "inconclusive"):
        return "measure more"
    figure = str(finding.details.get("figure") or (finding.effect.metric if finding.effect else CPU))
    if finding.stage == "screened":
        costs = "do not confirm" if figure.startswith(CPU) else f"points to a loss in {figure}: see the strategy guide"
        directions = {"less": "confirm first", "more": costs}
        return directions.get(finding.details.get("direction", ""), "measure more")
    if finding.verdict == "worse":
        return f"a loss in {figure}: see the strategy guide"
    if finding.verdict in ("equivalent", "trivial"):
        return f"no effect on {figure}"
    return f"a gain in {figure}: see the strategy guide for its other figures"


def open_table(study: Study, findings: Sequence[Finding]) -> pd.DataFrame:
    """Return what is inconclusive, untrusted or not yet judged, with what to do next."""
    import pandas as pd

    rows = [
        {"what": f.question, "verdict": f.verdict, "next": f.next_step or f.claim}
        for f in findings
        if f.verdict in ("inconclusive", "untrusted", "not-yet-judged")
        and (f.kind != "target" or f.variant in ("", study.system.judge))
    ]
    skipped = [
        {"what": s.name, "verdict": s.status, "next": s.reason}
        for s in study.run.manifest.steps
        if s.status in ("failed", "skipped")
    ]
    return pd.DataFrame([*skipped, *rows]).drop_duplicates()
