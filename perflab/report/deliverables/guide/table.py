"""The decision table: one line for each strategy, its gain with the interval, its price, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Row, Rows
from perflab.report.deliverables.guide.cases import GAINS, Case, cases_of
from perflab.report.deliverables.guide.decision import decide
from perflab.report.deliverables.material import Material
from perflab.report.verdict import judged_targets
from perflab.report.wording import SCREENED, effect_text, look, plural

ONE_START = "seen on one start"
ORDER = ("adopt", "confirm first", "needs more data", "not if", "do not confirm", "reject")


def decision_table(material: Material, groups: Mapping[str, Sequence[Finding]]) -> list[Block]:
    """Return the table of all strategies measured, each row linked to its card."""
    if not groups:
        return []
    rows = tuple(decision_row(material, key, own) for key, own in groups.items())
    return [Rows(rows, anchors={title_of(material, key): anchor_of(key) for key in groups}, stacked=True)]


def in_order(groups: Mapping[str, list[Finding]]) -> dict[str, list[Finding]]:
    """Return strategies by their decisions: what to adopt first, then what to confirm or measure, then the rejected."""
    ranked = {key: _rank(decide(own)) for key, own in groups.items()}
    return {key: groups[key] for key in sorted(groups, key=lambda key: ranked[key])}


def decision_row(material: Material, key: str, own: Sequence[Finding]) -> Row:
    """Return one line of the table."""
    cases = cases_of(f for f in own if f.kind == "comparison")
    return {
        "strategy": title_of(material, key),
        "decision": decision_of(material, key, own),
        "gain": _gain(cases),
        "price": price_of(material, key, own),
        "evidence": evidence_of(own),
    }


def decision_of(material: Material, key: str, own: Sequence[Finding]) -> str:
    """Return the decision on a strategy; of the judged variant as a whole also that targets decide against it.

    A gain that rests on one start of a server says so: how starts differ is not in its interval.
    """
    missed = _missed_by_itself(material) if key == material.verdict.judged else 0
    once = _on_one_start(own)
    return (
        decide(own)
        + (f" ({ONE_START})" if once else "")
        + (f"; but it misses {plural(missed, 'target')}: see the verdict" if missed else "")
    )


def _on_one_start(own: Sequence[Finding]) -> bool:
    """Say whether a strategy is to be adopted on gains all of which come from one start of everything."""
    gaining = [case for case in cases_of(f for f in own if f.kind == "comparison") if case.outcome in GAINS]
    return bool(gaining) and all(f.details.get("starts") == 1 for case in gaining for f in case.findings)


def _missed_by_itself(material: Material) -> int:
    """Return how many targets the judged variant misses; what the world around it misses alone speaks against none."""
    rows = judged_targets(material.findings, material.verdict.judged)
    own = {f.target_id for f in rows if f.verdict == "misses" and f.details.get("cause") != "world"}
    return len(own)


def title_of(material: Material, key: str) -> str:
    """Return a strategy's id and name; of what no strategy stands for, the setting, or the whole variant."""
    base, plus, setting = key.partition("+")
    if plus:
        return f"{setting} (laid over {base})"
    return f"{key} {material.strategies.get(key, '' if key.startswith('ST-') else '(the whole variant)')}".strip()


def anchor_of(key: str) -> str:
    """Return the id of a strategy's card on the page."""
    return f"card-{key.lower()}"


def change_of(finding: Finding) -> str:
    """Return a published figure: its name, its change with the interval, its verdict."""
    metric = finding.effect.metric.replace("_", " ") if finding.effect else ""
    return f"{metric} {effect_text(finding)} {look(finding.verdict).word}"


def price_of(material: Material, key: str, own: Sequence[Finding]) -> str:
    """Return what a strategy costs: what was measured of it, then what its experiment states, else the catalogue."""
    measured = measured_price(own)
    stated = stated_price(own)
    if not measured and not stated and key in material.catalogue:
        stated = material.catalogue[key].tradeoff
    return "; ".join(filter(None, (measured, f"stated: {stated}" if stated else "")))


def measured_price(own: Sequence[Finding]) -> str:
    """Return the figures that a strategy hurts where it gains or may yet."""
    cases = [case for case in cases_of(f for f in own if f.kind == "comparison") if not case.screened]
    paying = [case for case in cases if case.outcome in GAINS] + [case for case in cases if case.outcome == "open"]
    hurt = [change_of(f) for case in paying for f in case.with_verdict("worse")]
    return "; ".join(dict.fromkeys(hurt[:2]))


def stated_price(own: Sequence[Finding]) -> str:
    """Return the price that the strategy's experiment states: a text written before anything was measured."""
    return next((str(f.details["price"]) for f in own if f.details.get("price")), "")


def _gain(cases: Sequence[Case]) -> str:
    """Return the first figure that gains; of what gains nothing, what was seen; of a screening, its place in it."""
    published = [case for case in cases if not case.screened]
    if not published:
        return _screened(cases) if cases else "observed: see its card"
    gaining = [case for case in published if case.outcome in GAINS]
    if not gaining:
        seen = published[0].with_verdict(*{f.verdict for f in published[0].findings})
        return "; ".join(change_of(f) for f in seen[:2]) or "not computed"
    more = f", and in {len(gaining) - 1} more cases" if len(gaining) > 2 else ""
    more = ", and in one more case" if len(gaining) == 2 else more
    return change_of(gaining[0].with_verdict("better")[0]) + more if gaining[0].with_verdict("better") else ""


def _screened(cases: Sequence[Case]) -> str:
    """Return the places of a strategy's settings in the screening, each told once."""
    ranks = [str(rank) for case in cases if (rank := case.findings[0].details.get("rank"))]
    named = f", {'number' if len(ranks) == 1 else 'numbers'} {', '.join(ranks)} of the screening" if ranks else ""
    return f"{SCREENED}{named}"


def evidence_of(own: Sequence[Finding]) -> str:
    """Return level, stage and the pairs behind a decision, fewest to most, and whether one start is behind any."""
    published = [f for f in own if f.stage != "screened"] or list(own)
    levels = ", ".join(dict.fromkeys(f.level for f in published))
    stages = ", ".join(dict.fromkeys(f.stage for f in published if f.stage))
    pairs = [f.effect.n for f in published if f.effect and f.effect.n_unit == "pairs"]
    once = "one start" if any(f.details.get("starts") == 1 for f in published) else ""
    counted = f"{' to '.join(map(str, sorted({min(pairs), max(pairs)})))} pairs" if pairs else ""
    return ", ".join(filter(None, (levels, stages, counted, once)))


def _rank(decision: str) -> float:
    """Return a decision's place; what is adopted without an "if" stands first."""
    place = next((i for i, word in enumerate(ORDER) if decision.startswith(word)), len(ORDER))
    return place - 0.5 if decision == "adopt" else place
