"""What did not pay, what the flags do to each other, and what has not been run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Bullets, Text
from perflab.report.deliverables.guide.cases import LOSSES, cases_of
from perflab.report.deliverables.guide.table import change_of, title_of
from perflab.report.deliverables.material import Material, claims, details, pictures


def negative_results(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return one line for each case that gained nothing or lost: a result like any other."""
    lines = []
    for key, own in groups.items():
        for case in cases_of(f for f in own if f.kind == "comparison"):
            if case.screened or case.outcome not in LOSSES:
                continue
            seen = "; ".join(change_of(f) for f in case.with_verdict("worse", "equivalent", "trivial"))
            where = f" ({case.condition})" if case.condition else ""
            lines.append(f"{title_of(material, key)}, {case.setting}{where}: {seen} [{case.findings[0].id}]")
    return [Bullets(tuple(lines))] if lines else []


def interactions(material: Material) -> list[Block]:
    """Return the order of adoption and the interactions, as the prototype's blocks of several flags found them."""
    found = [f for f in material.of("30", kind="observation") if {"interactions", "order_of_adoption"} & set(f.details)]
    return [*claims(found), *pictures(found, 1), *details(found, "adoption", "interaction")]


def not_run(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return the strategies of the catalogue without a finding in this run, folded by category."""
    blocks: list[Block] = []
    categories: dict[str, list[str]] = {}
    totals: dict[str, int] = {}
    for strategy in material.catalogue.values():
        totals[strategy.category] = totals.get(strategy.category, 0) + 1
        if strategy.id not in groups:
            flags = ", ".join(material.flags.get(strategy.id, ()))
            where = f"{strategy.notebook}{f'; flag {flags}' if flags else ''}"
            categories.setdefault(strategy.category, []).append(f"{strategy.id} {strategy.name} ({where})")
    missing = sum(map(len, categories.values()))
    if missing:
        total = len(material.catalogue)
        told = f"{missing} of the {total} strategies of the catalogue have no finding in this run. "
        blocks.append(Text(told + "In brackets: the notebook that is to run it, and its flag where there is one."))
    for category, lines in categories.items():
        blocks.append(Bullets(tuple(lines), folded=f"{category}: {len(lines)} of {totals[category]} not yet run"))
    return blocks
