"""R5, the scalability specification: how far one machine goes, and what more users take."""

from __future__ import annotations

from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.document import Document, section
from perflab.report.deliverables.material import Material, caveats, claims, details, pictures, split_world, target_table
from perflab.report.verdict import judged_targets

NO_CAPACITY = "A price is named, but 40_scalability has no capacity to be believed that it could be shared by."
NO_PRICE = (
    "No price was named, so no cost is stated. Name core_hour, currency and source in a [prices] table of the system's "
    "file; 40_scalability then states what a user costs in an hour at most."
)


def scalability_specification(material: Material) -> Document:
    """Assemble the specification from the scalability notebook and the ladder that it rests on."""
    found = material.of("40")
    world, ladder = split_world(material.of("11"))
    judged = judged_targets(material.of("30"), material.verdict.judged)
    capacity = [f for f in judged if f.effect and _is_capacity(f.effect.unit)]
    sections = (
        section(
            "Capacity: the question and the answer",
            [*claims(f for f in (*found, *ladder) if f.headline), *details(found, "sizing")],
            material.ran("40"),
        ),
        section("Targets on concurrency and throughput", target_table(material, capacity, ""), material.ran("30")),
        section("Architecture as measured", [*claims(world), *pictures(world)], material.ran("11")),
        section(
            "Measured scaling and the law that fits it",
            [*claims(f for f in ladder if not f.headline), *details(ladder), *pictures(ladder)],
            material.ran("11"),
        ),
        section(
            "Model and its limits",
            [*claims(f for f in found if not f.headline), *details(found, "capacity"), *pictures(found)],
            material.ran("40"),
        ),
        section(
            "Horizontal and vertical scaling",
            details(found, "horizontal", "vertical", "fleet"),
            "No comparison of more machines with larger ones has been made.",
        ),
        section(
            "Load balancing, admission and auto-scaling",
            details(found, "balanc", "admission", "autoscal"),
            "No finding on these has been recorded.",
        ),
        section("Cost", details(found, "cost"), NO_CAPACITY if material.priced else NO_PRICE),
        section("Scalability checklist", checklist(material, "scalability"), ""),
        section("Assumptions and limits", caveats([*found, *ladder]), "No caveat has been recorded.", judged=True),
    )
    return Document(
        "scalability-specification",
        "Scalability architecture specification",
        "Development team and infrastructure engineers",
        sections,
    )


def _is_capacity(unit: str) -> bool:
    return unit in ("sessions", "users") or unit.endswith("/min")
