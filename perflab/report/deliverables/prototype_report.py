"""R3, the prototype report: what the optimised system does under load, and what was paid for it."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.criteria import complexity
from perflab.report.deliverables.document import Block, Code, Document, Rows, Section, Text, section
from perflab.report.deliverables.material import Material, caveats, claims, details, effects, pictures, target_table
from perflab.report.verdict import judged_targets

NO_SWITCH = "The optimised variant switches nothing that the system's file tells, as far as it can be read now."
EQUAL_ANSWERS = "equal answers"  # the check of that name on every comparison of two variants


def prototype_report(material: Material) -> Document:
    """Assemble the report from the prototype and resilience notebooks."""
    tried = material.of("30")
    judged = [f for f in judged_targets(tried, material.verdict.judged) if f.kind == "target"]
    others = [f for f in tried if f.kind == "target" and f not in judged]
    compared = [f for f in tried if f.kind == "comparison"]
    observed = [f for f in tried if f.kind == "observation"]
    whole = [f for f in compared if not f.strategy]
    sections = (
        section("Answer first", [*claims(f for f in tried if f.headline)], material.ran("30")),
        section(
            f"Targets of the {material.verdict.judged} variant", target_table(material, judged, ""), material.ran("30")
        ),
        section(
            "The same targets on the other variants (shown, not judged)",
            target_table(material, others, ""),
            "Only the judged variant was measured against targets.",
            judged=bool(judged),
        ),
        section("What the optimised variant switches", _switches(material), NO_SWITCH),
        section(
            "Scenarios, degradation and recovery",
            [*claims(observed), *details(observed), *pictures(observed)],
            material.ran("30"),
        ),
        section(
            "Ablation: one flag at a time",
            [
                *effects((f for f in compared if f.strategy and f.stage != "screened"), "Confirmed on fresh blocks"),
                *claims(sorted((f for f in compared if f.stage == "screened"), key=lambda f: f.details.get("rank", 0))),
                *pictures(compared, 2),
            ],
            material.ran("30"),
        ),
        section("Resource impact", effects(whole, "The whole variant against the baseline"), material.ran("30")),
        section(
            "Equivalence of answers",
            _equal_answers(compared),
            "No comparison of this notebook has compared answers.",
        ),
        section("Resilience", [*claims(material.of("31")), *pictures(material.of("31"))], material.ran("31")),
        section("Known limits", caveats(tried), "No caveat has been recorded.", judged=True),
        _run_it(material),
    )
    return Document("prototype-report", "Optimised system prototype", "Development team", sections)


def _switches(material: Material) -> list[Block]:
    """Return the flags that the optimised variant sets, the code behind them, and how much more code that is."""
    rows = tuple(
        {
            "flag": s.flag,
            "baseline": s.before,
            "optimised": s.after,
            "strategy": f"{s.strategy} {material.strategies.get(s.strategy, '')}".strip(),
            "answers": s.equivalence,
            "what it does": s.does,
            "file": s.file,
            "lines before": s.lines_before or None,
            "lines": s.lines or None,
        }
        for s in material.switched
    )
    return [Rows(rows, stacked=True), Text(complexity(material))] if rows else []


def _equal_answers(compared: Sequence[Finding]) -> list[Block]:
    """Return for each variant how many of its answers equal the baseline's, as its comparisons checked them."""
    seen = {
        (f.variant, check.observed, check.limit): {
            "variant": f.variant,
            "answers": check.observed,
            "asked for": check.limit,
            "passed": "yes" if check.passed else "no",
            "finding": f.id,
        }
        for f in reversed(compared)
        for check in f.trust
        if check.name == EQUAL_ANSWERS
    }
    return [Rows(tuple(reversed(seen.values())))] if seen else []


def _run_it(material: Material) -> Section:
    """Say how to drive either variant by hand."""
    system = material.manifest.system_shown
    lines = "\n".join(
        f".venv/bin/perflab load --system {system} --variant {name} --users 50 --seconds 20"
        for name in dict.fromkeys(("baseline", material.verdict.judged))
    )
    return Section("How to run either variant", (Code(lines),))
