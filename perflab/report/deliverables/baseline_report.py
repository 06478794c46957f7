"""R1, the performance baseline report: how the system stands today and what holds it back."""

from __future__ import annotations

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Document, Section, Text, section
from perflab.report.deliverables.material import (
    Material,
    caveats,
    claims,
    details,
    effects,
    environment,
    links,
    pictures,
    reproduce,
    split_world,
    target_table,
)


def baseline_report(material: Material) -> Document:
    """Assemble the report from the machine check, the profile and the ladder."""
    before = material.of("0", "1")
    own = [f for f in material.of("1", "3", kind="target") if f.variant == "baseline"]
    profile = material.of("10")
    world, ladder = split_world(material.of("11"))
    sections = (
        section(
            "Answer first",
            [*claims(f for f in before if f.headline), *target_table(material, own, "Baseline")],
            material.ran("10"),
        ),
        _system(material, world),
        section(
            "Environment and calibration", [*claims(material.of("00")), *environment(material)], material.ran("00")
        ),
        section(
            "Latency of the baseline",
            [*claims(ladder[:1]), *effects([*own, *ladder]), *pictures(own)],
            material.ran("11"),
        ),
        section(
            "Throughput and concurrency", [*claims(ladder), *details(ladder), *pictures(ladder)], material.ran("11")
        ),
        section("Profiler evidence", [*links(profile, "profile"), *pictures(profile)], material.ran("10")),
        section("Bottleneck ranking", [*claims(profile), *details(profile)], material.ran("10")),
        section("Network sensitivity", [*claims(material.of("12")), *pictures(material.of("12"))], material.ran("12")),
        section("Memory and storage", [*claims(material.of("13")), *details(material.of("13"))], material.ran("13")),
        *_voice(material),
        section("Threats to validity", caveats([*before, *own]), "No caveat has been recorded.", judged=True),
        section("How to reproduce", reproduce(material), ""),
    )
    return Document(
        "baseline-report", "Performance baseline report", "Development team and performance engineers", sections
    )


def _voice(material: Material) -> list[Section]:
    """Return what voice processing takes, for a system that the laboratory of audio kernels bears on; else nothing."""
    if not material.bears("20"):
        return []
    return [section("Compute requirement of voice processing", claims(material.of("20")), material.ran("20"))]


def _system(material: Material, world: list[Finding]) -> Section:
    """Say what was measured, and draw what talks to what."""
    m = material.manifest
    text = (
        f"{m.system_name}, described by {m.system_shown}, studied as the variants that its flags allow; "
        f"{material.verdict.judged} is judged. Domain {m.domain}."
    )
    return Section("System under test", (Text(text), *claims(world), *pictures(world)))
