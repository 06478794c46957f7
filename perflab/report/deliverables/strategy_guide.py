"""R2, the optimisation strategy guide: what to adopt, on what evidence, at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.document import (
    Block,
    Document,
    Picture,
    Rows,
    Section,
    Text,
    section,
)
from perflab.report.deliverables.guide.applicability import applicability
from perflab.report.deliverables.guide.card import strategy_card
from perflab.report.deliverables.guide.cases import by_strategy
from perflab.report.deliverables.guide.decision import HOW_TO_READ, decide
from perflab.report.deliverables.guide.outlook import interactions, negative_results, not_run
from perflab.report.deliverables.guide.table import decision_table, in_order
from perflab.report.deliverables.material import UNWRITTEN, Material, claims, details, pictures

CHAPTERS = (("20", "Audio kernels"), ("21", "Codecs"), ("22", "Caching"), ("23", "API and streaming"),
            ("24", "State and database"), ("25", "Start-up and idle"), ("26", "Client"))  # fmt: skip


def strategy_guide(material: Material) -> Document:
    """Assemble the guide: decisions first, then a card for each strategy, then what did not pay and what is open."""
    compared = material.of("2", "3", kind="comparison")
    groups = in_order(measured_strategies(material))
    sections = (
        section("Decision table", decision_table(material, groups), material.ran("30")),
        section("How effects were measured", [*_methods(compared), *_forests(material, compared)], material.ran("30")),
        section(
            "Strategy cards",
            _cards(material, groups),
            material.ran("30"),
        ),
        section(
            "Interactions and order of adoption",
            interactions(material),
            "Not yet judged: each flag was measured against the baseline alone. Full effort measures the confirmed "
            "flags together, where there are two or more.",
        ),
        section(
            "Negative results",
            negative_results(material, groups),
            "No comparison has shown that a strategy does not pay.",
            judged=bool(groups),
        ),
        *(_chapter(material, nn, title) for nn, title in CHAPTERS if material.bears(nn) or nn in UNWRITTEN),
        section(
            "Strategies not yet run",
            not_run(material, groups),
            "Every strategy of the catalogue has a finding."
            if material.catalogue
            else "The system names no catalogue of strategies.",
            judged=True,
        ),
        section(
            "Applicability by domain", applicability(material, groups), "No strategy of the catalogue was measured."
        ),
        section("Performance checklist", checklist(material, "performance"), ""),
    )
    return Document("strategy-guide", "Optimisation strategy guide", "Development team and system architects", sections)


def measured_strategies(material: Material) -> dict[str, list[Finding]]:
    """Return all that was compared or observed of each strategy, and of each variant as a whole."""
    told = [f for f in material.of("2", "3") if (f.kind == "comparison" and (f.strategy or f.variant)) or f.strategy]
    return by_strategy(told)


def _chapter(material: Material, prefix: str, title: str) -> Section:
    """Return what a laboratory found beside its strategies, which stand on their cards."""
    found = [f for f in material.of(prefix) if not f.strategy]
    on_cards = sum(bool(f.strategy) for f in material.of(prefix))
    told = f"All that it found ({on_cards} findings) stands on the cards." if on_cards else material.ran(prefix)
    if not found and on_cards:
        return Section(title, (Text(told),))
    return section(title, [*claims(found), *pictures(found), *details(found)], told)


def _cards(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return all cards, with the difference between what was measured and what was written."""
    told = "Figures and prices measured come from this run; how it works, costs, prices as stated, failure modes and"
    head: list[Block] = (
        [Text(f"{told} what to watch are texts that were written beforehand.")] if material.cards else []
    )
    fault = f"The texts of the cards cannot be read: {material.card_fault}"
    head += [Text(fault)] if material.card_fault else []
    return [*head, *(b for key, own in groups.items() for b in strategy_card(material, key, own))] if groups else []


def _forests(material: Material, compared: Sequence[Finding]) -> list[Block]:
    """Return the pictures of all published effects, then those of the screenings, which publish none."""
    return [*map(Picture, material.forests), *pictures([f for f in compared if f.stage == "screened"], 2)]


def _methods(compared: Sequence[Finding]) -> list[Block]:
    """Say how many pairs, and by which method intervals were made."""
    counted: dict[tuple[str, str], list[int]] = {}
    for effect in (f.effect for f in compared if f.effect):
        counted.setdefault((effect.method or "not stated", effect.n_unit), []).append(effect.n)
    if not counted:
        return []
    rows = [
        {"interval by": method, "counts": unit, "n": _range(n), "effects": len(n)}
        for (method, unit), n in counted.items()
    ]
    return [
        Rows(tuple(rows)),
        Text(
            "Every comparison is paired and interleaved in random order; ratios are shown as changes against the "
            "baseline with their interval. What is marked as screened, not confirmed, only says what to "
            "confirm: the best of many looks larger than it is, and its estimate is no effect to rely on."
        ),
        Text(f"How the decisions are made. {HOW_TO_READ}"),
    ]


def _range(counts: Sequence[int]) -> str:
    """Return the fewest and the most of several counts: measuring stops where an effect is known well enough."""
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


__all__ = ["by_strategy", "decide", "measured_strategies", "strategy_guide"]
