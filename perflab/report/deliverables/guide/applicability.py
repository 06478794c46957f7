"""Which domains ask for a strategy, and in which of them anything was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Row, Rows, Text
from perflab.report.deliverables.guide.card import CONTEXTS
from perflab.report.deliverables.guide.decision import decide
from perflab.report.deliverables.guide.table import anchor_of, title_of
from perflab.report.deliverables.material import Material

ASKED, NOT_ASKED = "asked for, not measured there", "-"


def applicability(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return one line for each strategy measured and one column for each domain.

    The decision stands in the domain that the run's system belongs to, and nowhere else: what pays in one system is a
    reason to measure in another, not a result there. A domain asks for a strategy when the catalogue traces it to a
    requirement of that domain.
    """
    known = [key for key in groups if key in material.catalogue]
    if not known:
        return []
    rows = tuple(_row(material, key, groups[key]) for key in known)
    anchors = {title_of(material, key): anchor_of(key) for key in known}
    counts = "; ".join(_count(material, known, seed, name) for seed, name in CONTEXTS.items())
    return [
        Text(f"Measured on {material.manifest.domain}. Strategies that a domain asks for, of them measured: {counts}."),
        Rows(rows, "Where a decision holds, and where it is a reason to measure", anchors=anchors, stacked=True),
    ]


def _row(material: Material, key: str, own: Sequence[Finding]) -> Row:
    seeds = material.catalogue[key].seeds
    cells = {name: ASKED if seed in seeds else NOT_ASKED for seed, name in CONTEXTS.items()}
    return {"strategy": title_of(material, key), **cells, material.manifest.domain: decide(own)}


def _count(material: Material, measured: Sequence[str], seed: str, name: str) -> str:
    asked = [s.id for s in material.catalogue.values() if seed in s.seeds]
    return f"{name} {len(asked)}, {len(set(asked) & set(measured))}"
