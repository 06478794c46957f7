"""R4, the monitoring plan: which figures are watched, which alerts fire, and how they were tested."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.document import Block, Code, Document, Rows, Text, section
from perflab.report.deliverables.material import Material, caveats, claims, details, links, pictures

REACTIONS = {  # whom a severity calls is the team's to say; how soon is what the rules were made for
    "page": "somebody now, at any hour: users are being failed",
    "ticket": "somebody within a working day: the budget, or the room left, is running out",
    "warning": "nobody by itself: shown beside what the next page or ticket says",
}
TO_USE = """# in the run's folder; write the address of each instance into prometheus.yml first
promtool check config monitoring/prometheus.yml
prometheus --config.file=monitoring/prometheus.yml
# a change held against the last release before it ships
perflab gate --system {system} --help"""
NO_PROBE = (
    "A probe from the users' side is the team's to set up: perflab load starts an instance of its own and never "
    "reaches the one in service."
)


def monitoring_plan(material: Material) -> Document:
    """Assemble the plan from the monitoring notebook and the targets."""
    found = material.of("41")
    own = [row for row in material.targets if row.get("domain") == material.manifest.domain]
    objectives = tuple(
        {
            "target": row["id"],
            "objective": row.get("quote", ""),
            "verdict": row["verdict"],
            "level": row.get("level", ""),
        }
        for row in own
    )
    overhead = [f for f in material.of("10", "41") if "overheads" in f.details]
    sections = (
        section("Objectives", [Rows(objectives)] if objectives else [], "The system names no target file."),
        section("Answer first", claims(found[:1]), material.ran("41")),
        section("Figures, alerts and how they map", details(found), material.ran("41")),
        section(
            "Evidence that the alerts fire",
            [*claims(found), *pictures(found)],
            material.ran("41"),
        ),
        section("Configuration files", _to_use(material, links(found, "file")), material.ran("41")),
        section(
            "What profiling costs",
            [*claims(overhead), *details(overhead, "overhead"), *_limits(overhead)],
            material.ran("10"),
        ),
        section("Who is called, and what is done", _reactions(found), material.ran("41")),
        section("Set-up checklist", checklist(material, "monitoring"), ""),
        section("Known limits", caveats(found), "No caveat has been recorded.", judged=True),
    )
    return Document(
        "monitoring-plan", "Performance monitoring plan", "Operations team and site reliability engineers", sections
    )


def _limits(overhead: Sequence[Finding]) -> list[Block]:
    """What the overheads may not claim stands beside them: they are of profilers, in runs of a minute."""
    said = Text("These are the profilers' own costs. What scraping and counting cost a live system is not measured.")
    return [said, *caveats(overhead)] if overhead else []


def _to_use(material: Material, files: Sequence[Block]) -> list[Block]:
    system = material.manifest.system_shown
    return [*files, Code(TO_USE.format(system=system)), Text(NO_PROBE)] if files else []


def _reactions(found: Sequence[Finding]) -> list[Block]:
    """Return how soon each severity asks for somebody; what is done stands beside each alert in the table of alerts."""
    used = {row.get("severity") for finding in found for row in finding.details.get("alerts", ())}
    called = [{"severity": name, "asks for": soon, "reached by": "for the team to fill in"}
              for name, soon in REACTIONS.items() if name in used]  # fmt: skip
    told = Text("What to do when an alert fires stands in its row above and in its rule, as the annotation runbook.")
    return [Rows(tuple(called)), told] if called else []
