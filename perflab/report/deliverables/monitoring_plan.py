"""R4, the monitoring plan: which figures are watched, which alerts fire, and how they were tested."""

from __future__ import annotations

from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.document import Document, Rows, section
from perflab.report.deliverables.material import Material, caveats, claims, details, links, pictures


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
        section("Configuration files", links(found, "file"), material.ran("41")),
        section("What watching costs", [*claims(overhead), *details(overhead, "overhead")], material.ran("10")),
        section(
            "Routing, escalation and runbooks",
            [],
            "They depend on the operating team; no finding can supply them.",
            judged=True,
        ),
        section("Set-up checklist", checklist(material, "monitoring"), ""),
        section("Known limits", caveats(found), "No caveat has been recorded.", judged=True),
    )
    return Document(
        "monitoring-plan", "Performance monitoring plan", "Operations team and site reliability engineers", sections
    )
