"""What did not pay, what the flags do to each other, and what has not been run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Bullets, Text
from perflab.report.deliverables.guide.cases import LOSSES, OPEN, Case, cases_of
from perflab.report.deliverables.guide.table import change_of, title_of
from perflab.report.deliverables.material import Material, claims, details, pictures

# Where flags are measured together: the notebook, and whose flags they are. Each has a load of its own.
FAMILIES = (("30", "Flags of the whole system"), ("23", "Flags of the API"))
NOT_TOGETHER = "F23-together"  # says why, where too few fitted under one load


def negative_results(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return one line for each case that gained nothing or lost: a result like any other.

    A case that is still open stands here with what is worse in it, and with what is open.
    """
    lines = []
    for key, own in groups.items():
        for case in cases_of(f for f in own if f.kind == "comparison"):
            hurt = case.outcome == "open" and case.with_verdict("worse")
            if not case.screened and (hurt or case.outcome in LOSSES):
                lines.append(f"{title_of(material, key)}, {_line(case)}")
    return [Bullets(tuple(lines))] if lines else []


def _line(case: Case) -> str:
    """Return one case that gained nothing: its setting, condition and figures, those still open last."""
    seen = "; ".join(change_of(f) for f in case.with_verdict("worse", "equivalent", "trivial"))
    left = "; ".join(change_of(f) for f in case.with_verdict(*OPEN))
    where = f" ({case.condition})" if case.condition else ""
    return f"{case.setting}{where}: {seen}{f'; still open: {left}' if left else ''} [{case.findings[0].id}]"


def interactions(material: Material) -> list[Block]:
    """Return the order of adoption and the interactions, family by family: flags measured together under one load.

    A family that this system has and of which nothing was measured is told, with its reason, beside the one that was.
    """
    families = [(prefix, whose, _together(material, prefix)) for prefix, whose in FAMILIES]
    if not any(found for _, _, found in families):
        return []
    return [block for family in families for block in _family(material, *family)]


def _family(material: Material, prefix: str, whose: str, found: Sequence[Finding]) -> list[Block]:
    if not found:
        return [Text(f"{whose}: not measured together. {material.ran(prefix)}")] if material.bears(prefix) else []
    load = found[0].condition or f"the load of {found[0].notebook}"
    told = [Text(f"{whose}, under one load: {load}.")] if _tables(found[0]) else []
    return [*told, *claims(found), *pictures(found, 1), *details(found, "adoption", "interaction")]


def _together(material: Material, prefix: str) -> list[Finding]:
    """Return a notebook's observations of its flags together, or of why there is none."""
    return [f for f in material.of(prefix, kind="observation") if _tables(f) or f.id == NOT_TOGETHER]


def _tables(finding: Finding) -> set[str]:
    return {"interactions", "order_of_adoption"} & set(finding.details)


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
