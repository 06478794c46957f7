"""R2, the optimisation strategy guide: what to adopt, on what evidence, at what price."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Document, Row, Rows, Section, Text, section
from perflab.report.deliverables.material import Material, caveats, claims, details, effects, pictures
from perflab.report.wording import SCREENED

METRICS_TO_ADOPT = 3  # CPU, memory and tail latency: nothing is adopted on one figure


def strategy_guide(material: Material) -> Document:
    """Assemble the guide from the comparisons of single flags and of variants."""
    compared = material.of("2", "3", kind="comparison")
    cards = by_strategy(compared)
    negative = [f for f in compared if f.verdict in ("worse", "equivalent", "trivial") and f.stage != "screened"]
    sections = (
        section(
            "Decision table",
            [Rows(tuple(_decision(material, key, own) for key, own in cards.items()))] if cards else [],
            material.ran("30"),
        ),
        section("How effects were measured", [*_methods(compared), *pictures(compared, 2)], material.ran("30")),
        *(_card(material, key, own) for key, own in cards.items()),
        section(
            "Interactions and order of adoption",
            details(material.of("30"), "ablation", "interaction", "flag"),
            "Not yet judged: each flag was measured against the baseline alone; pairs of flags were not.",
        ),
        section("Negative results", claims(negative), "No comparison has shown that a strategy does not pay."),
        *(
            section(title, [*claims(material.of(nn)), *details(material.of(nn))], material.ran(nn))
            for nn, title in (
                ("21", "Codecs"),
                ("22", "Caching"),
                ("23", "API and streaming"),
                ("24", "State and database"),
                ("25", "Start-up and idle"),
                ("26", "Client"),
            )
        ),
    )
    return Document("strategy-guide", "Optimisation strategy guide", "Development team and system architects", sections)


def by_strategy(compared: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Return comparisons by strategy id, or by variant where no single strategy is meant."""
    groups: dict[str, list[Finding]] = {}
    for finding in compared:
        groups.setdefault(finding.strategy or finding.variant or finding.id, []).append(finding)
    return groups


def decide(own: Sequence[Finding]) -> str:
    """Return adopt, adopt if, reject or needs more data, from every measured figure of one strategy."""
    if own and all(f.stage == "screened" for f in own):
        return _of_screening(own)
    verdicts = {f.verdict for f in own}
    metrics = {f.effect.metric for f in own if f.effect}
    if "better" in verdicts and "worse" in verdicts:
        return "adopt if the price is acceptable"
    if "worse" in verdicts:
        return "reject"
    if "better" in verdicts:
        enough = len(metrics) >= METRICS_TO_ADOPT and not verdicts & {"inconclusive", "untrusted"}
        return "adopt" if enough else "adopt if the other figures hold"
    return "reject: no gain" if verdicts <= {"equivalent", "trivial"} else "needs more data"


def _of_screening(own: Sequence[Finding]) -> str:
    """Return what a screening alone allows: to confirm, or to look elsewhere; never to adopt."""
    directions = {f.details.get("direction", "") for f in own}
    if "less" in directions:
        return "confirm first: screened only"
    return "do not confirm: it costs CPU in the screening" if "more" in directions else "needs more data"


def _decision(material: Material, key: str, own: list[Finding]) -> Row:
    """Return one row of the decision table."""
    told = "; ".join(_on_what(f) for f in own if f.effect or f.stage == "screened")
    name = material.strategies.get(key, "")
    return {"strategy": f"{key} {name}".strip(), "decision": decide(own), "on what": told}


def _on_what(finding: Finding) -> str:
    """Return a published figure with its verdict, or a screening's place in its order."""
    if finding.effect and finding.stage != "screened":
        return f"{finding.effect.metric.replace('_', ' ')} {finding.verdict}"
    return f"{SCREENED}, number {finding.details.get('rank', '?')} of the screening"


def _card(material: Material, key: str, own: list[Finding]) -> Section:
    """Return everything known of one strategy."""
    blocks: list[Block] = [Text(f"Decision: {decide(own)}."), *effects(own), *claims(own), *details(own), *caveats(own)]
    name = material.strategies.get(key, "")
    return Section(f"{key} {name}".strip(), tuple(blocks))


def _methods(compared: Sequence[Finding]) -> list[Block]:
    """Say how many pairs, and by which method intervals were made."""
    rows = {(f.effect.method, f.effect.n_unit): f.effect.n for f in compared if f.effect}
    if not rows:
        return []
    return [
        Rows(
            tuple({"interval by": method or "not stated", "counts": unit, "n": n} for (method, unit), n in rows.items())
        ),
        Text(
            "Every comparison is paired and interleaved in random order; ratios are shown as changes against the "
            "baseline with their interval. What is marked as screened, not confirmed, only says what to "
            "confirm: the best of many looks larger than it is, and its estimate is no effect to rely on."
        ),
    ]
