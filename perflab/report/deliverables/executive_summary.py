"""R0, the executive summary: the answer, the success criteria, the risks, and what to decide."""

from __future__ import annotations

from perflab.report.deliverables.criteria import criteria_rows, risk_rows
from perflab.report.deliverables.document import Block, Bullets, Document, Rows, Section, Text, section
from perflab.report.deliverables.guide.table import evidence_of, in_order
from perflab.report.deliverables.material import Material, caveats, folded_caveats, target_table
from perflab.report.deliverables.strategy_guide import decide, measured_strategies
from perflab.report.run_page import next_steps, with_what_for
from perflab.report.verdict import Verdict, by_target, judged_targets


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
        if key != verdict.judged  # what its targets decide stands above: its gains alone would tell another story
    ]
    own = [row for row in material.targets if row.get("domain") == material.manifest.domain]
    waiting = [row for row in own if row["verdict"] in ("not-yet-judged", "not-measurable-here")]
    open_rows = tuple(
        {"target": r["id"], "as stated": r.get("quote", ""), "verdict": r["verdict"], "why": r.get("reason", "")}
        for r in waiting
    )
    steps = next_steps(material.findings, verdict)
    told = "every target of this domain has a verdict" if own else "the system names no target of this domain"
    sections = (
        Section("Verdict", _verdict(verdict)),
        section(
            "Targets", target_table(material, list(decided.values()), ""), "No target has been judged in this run."
        ),
        section("Success criteria", [Rows(tuple(criteria_rows(material)))], ""),
        section("Decisions", [Rows(tuple(decisions))] if decisions else [], material.ran("30")),
        section(
            "What to do next",
            [Bullets(tuple(with_what_for(steps, material.findings, verdict)))] if steps else [],
            "No finding on the judged variant or a strategy names a next step.",
            judged=bool(material.findings),
        ),
        section("Risk register", [Rows(tuple(risk_rows(material)))], ""),
        Section(
            "Targets of this domain that are not yet judged, and why",
            (Rows(open_rows),) if open_rows else (Text(f"None: {told}."),),
        ),
        section("How sure this is", _how_sure(material), "No caveat has been recorded.", judged=True),
    )
    return Document("executive-summary", "Executive summary", "Stakeholders", sections)


def _verdict(verdict: Verdict) -> tuple[Block, ...]:
    """Return what to do, where that stands, how the targets stand, how sure it is, and the claims that carry it."""
    sure = f"How sure: {verdict.sure}" if verdict.sure else ""
    told: list[Block] = [Text(text) for text in (verdict.decision, verdict.headline, sure) if text]
    return (*told, Bullets(verdict.points)) if verdict.points else tuple(told)


def _how_sure(material: Material) -> list[Block]:
    """Return the caveats of what the answer rests on; those of all other findings behind a click.

    What the target file notes of a target stands in the prototype report: it is of the target, not of this run.
    """
    decided = by_target(judged_targets(material.findings, material.verdict.judged)).values()
    carrying = [f for f in material.findings if f.headline or f in decided]
    rest = [f for f in material.findings if f not in carrying]
    told = "Caveats and failed checks of the other findings"
    return [*caveats(carrying, notes=False), *folded_caveats(rest, told, notes=False)]
