"""R0, the executive summary: the answer, the success criteria, the risks, and what to decide."""

from __future__ import annotations

from perflab.report.deliverables.criteria import criteria_rows, risk_rows
from perflab.report.deliverables.document import Bullets, Document, Rows, Section, Text, section
from perflab.report.deliverables.guide.table import evidence_of, in_order
from perflab.report.deliverables.material import Material, caveats, target_table
from perflab.report.deliverables.strategy_guide import decide, measured_strategies
from perflab.report.run_page import what_would_change_it
from perflab.report.verdict import by_target, judged_targets


def executive_summary(material: Material) -> Document:
    """Assemble the summary from the verdict and every finding."""
    verdict = material.verdict
    decided = by_target(judged_targets(material.findings, verdict.judged))
    decisions = [
        {
            "what": f"{key} {material.strategies.get(key, '')}".strip(),
            "decision": decide(own),
            "evidence": evidence_of(own),
        }
        for key, own in in_order(measured_strategies(material)).items()
    ]
    waiting = [
        r
        for r in material.targets
        if r["verdict"] in ("not-yet-judged", "not-measurable-here") and r.get("domain") == material.manifest.domain
    ]
    open_rows = tuple(
        {"target": r["id"], "as stated": r.get("quote", ""), "verdict": r["verdict"], "why": r.get("reason", "")}
        for r in waiting
    )
    steps = what_would_change_it(material.findings, verdict)
    sections = (
        Section("Verdict", (Text(verdict.headline), *((Bullets(verdict.points),) if verdict.points else ()))),
        section(
            "Targets", target_table(material, list(decided.values()), ""), "No target has been judged in this run."
        ),
        section("Success criteria", [Rows(tuple(criteria_rows(material)))], ""),
        section("Decisions", [Rows(tuple(decisions))] if decisions else [], material.ran("30")),
        section(
            "What to do next", [Bullets(tuple(steps))] if steps else [], "Nothing missed or open asks for a next step."
        ),
        section("Risk register", [Rows(tuple(risk_rows(material)))], ""),
        Section(
            "Targets of this domain that are not yet judged, and why",
            (Rows(open_rows),) if open_rows else (Text("None: every target of this domain has a verdict."),),
        ),
        section("How sure this is", caveats(material.findings), "No caveat has been recorded."),
    )
    return Document("executive-summary", "Executive summary", "Stakeholders", sections)
