"""One card for each strategy: how it works, what it did under which condition, what it costs, what to watch."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.findings.catalogue import Strategy, StrategyCard
from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Block, Bullets, Heading, Pairs, Row, Rows, Text
from perflab.report.deliverables.guide.cases import Case, Role, cases_of, role
from perflab.report.deliverables.guide.table import anchor_of, decision_of, measured_price, stated_price, title_of
from perflab.report.deliverables.material import Material, details, folded_caveats, pictures
from perflab.report.wording import SCREENED, effect_text, look

CONTEXTS = {"S0": "whatsapp_clone", "S1": "voice_app", "S2": "whispo", "S3": "edtech_in", "S4": "gemini_codegen"}

SHORT = 3  # figures of a screening that are read beside the rest: of more, each with its condition, a wall is made
PLANNED = ("way", "plan", "fixed price")


def strategy_card(material: Material, key: str, own: Sequence[Finding]) -> list[Block]:
    """Return everything known of one strategy: its decision, its texts, its figures by condition, its caveats."""
    cases = cases_of(f for f in own if f.kind == "comparison")
    screened = [f for case in cases if case.screened for f in case.findings]
    observed = [f for f in own if f.kind != "comparison"]
    published = [case for case in cases if not case.screened]
    alike = len({(case.setting, case.condition) for case in published}) < len(published)
    rows = tuple(_row(case, titled=alike) for case in published)
    planned, others = _plans(own)
    return [
        Heading(title_of(material, key), anchor_of(key)),
        Text(f"Decision: {decision_of(material, key, own)}."),
        *([Rows(_filled(rows), "Measured effect by condition, with its interval", stacked=True)] if rows else []),
        *_texts(material, key, own),
        *_claims((*screened, *observed) if len(screened) <= SHORT else observed),
        *(_claims(screened, f"{SCREENED.capitalize()} ({len(screened)})") if len(screened) > SHORT else []),
        *pictures(observed),  # curves of its own; where all effects stand in one picture is said once, above
        *planned,
        *details(f for f in others if "blocks" not in f.details),  # single blocks are for the notebook
        *folded_caveats(own),
    ]


def _claims(found: Sequence[Finding], folded: str = "") -> list[Block]:
    """Return what the findings claim, in a list that a click opens where `folded` gives it a name."""
    return [Bullets(tuple(f"{f.id}: {f.claim}" for f in found), folded)] if found else []


def _texts(material: Material, key: str, own: Sequence[Finding]) -> list[Block]:
    """Return the card's texts; of a strategy without a card, what the catalogue says of it."""
    card, strategy = material.cards.get(key), material.catalogue.get(key)
    turns = dict.fromkeys(str(f.details["turns"]) for f in own if f.details.get("turns"))
    pairs = [
        ("How it works", card.mechanism if card else ""),
        ("Hypothesis", strategy.hypothesis if strategy else ""),
        ("Pays where", card.pays if card else ""),
        ("Turns around where", "; ".join([*([card.turns] if card else []), *turns])),
        ("Trade-off", strategy.tradeoff if strategy else ""),
        *(_costs(card) if card else []),
        ("Price measured", measured_price(own)),
        ("Price as the experiment states it", stated_price(own)),
        ("Flag", ", ".join(material.flags.get(key, ()))),
        ("Switch it on", _switch(material.flags.get(key, ()))),
        ("Code", ", ".join([*material.code.get(key, ()), *(card.code if card else ())])),
        ("Failure mode", card.failure if card else ""),
        ("Roll back", card.rollback if card else ""),
        ("Watch", card.monitor if card else ""),
        ("Asked for by", _contexts(strategy)),
        ("Requirements", ", ".join(strategy.refs) if strategy else ""),
    ]
    known = tuple((term, text) for term, text in pairs if text)
    return [Pairs(known)] if known else []


def _costs(card: StrategyCard) -> list[tuple[str, str]]:
    """Return what a strategy costs, as its card says: only the kinds of cost that it has."""
    kinds = (("CPU", card.cpu), ("memory", card.memory), ("staleness", card.staleness),
             ("lost writes", card.lost_writes), ("bytes", card.bytes), ("code and parts", card.parts))  # fmt: skip
    return [(f"Cost: {name}", text) for name, text in kinds if text]


def _switch(settings: Sequence[str]) -> str:
    """Return what to write in the system's file to have each of a strategy's settings in the optimised variant."""
    named = (setting.partition("=") for setting in settings)
    return "; ".join(f'[[flag]] name = "{flag}": optimised = "{value}"' for flag, _, value in named)


def _contexts(strategy: Strategy | None) -> str:
    return ", ".join(CONTEXTS.get(seed, seed) for seed in strategy.seeds) if strategy else ""


def _plans(own: Sequence[Finding]) -> tuple[list[Block], list[Finding]]:
    """Return the query plans and fixed prices of all ways of the same work in one table, and the findings less these.

    Each comparison carries the plan of its way and of what it replaces: told one by one, the latter stands in every
    table anew.
    """
    works: dict[str, dict[str, Row]] = {}
    rest = []
    for f in own:
        if f.kind == "comparison" and f.details.get("plans"):
            work = str(f.details.get("title", ""))
            for row in f.details["plans"]:
                empty = {"work": work, **dict.fromkeys(PLANNED, "")}
                works.setdefault(work, {}).setdefault(row["way"], {**empty, **row})
            f = f.model_copy(update={"details": {k: v for k, v in f.details.items() if k != "plans"}})
        rest.append(f)
    rows = tuple(row for ways in works.values() for row in ways.values())
    return ([Rows(_filled(rows), "What each way does, and keeps", stacked=True)] if rows else []), rest


def _row(case: Case, *, titled: bool) -> Row:
    """Return one case: its setting, its condition, and its figures by what they stand for.

    `titled`: the condition begins with the experiment's title, without which two cases look alike.
    """
    told: dict[Role, list[str]] = {"CPU": [], "tail": [], "memory": [], "other": []}
    roles = [role(finding) for finding in case.findings]
    for own, finding in zip(roles, case.findings, strict=True):
        said = f"{effect_text(finding) or 'not computed'} {look(finding.verdict).shape} {look(finding.verdict).word}"
        metric = finding.effect.metric.replace("_", " ") if finding.effect else finding.question
        alone = own in ("CPU", "memory") and roles.count(own) == 1
        told[own].append(said if alone else f"{metric}: {said}")
    return {
        "setting": case.setting,
        "condition": (f"{case.title}: " if titled and case.title else "") + (case.condition or case.notebook),
        "CPU": "; ".join(told["CPU"]),
        "tail latency": "; ".join(told["tail"]),
        "memory": "; ".join(told["memory"]),
        "other figures": "; ".join(told["other"]),
        "findings": case.findings[0].id + (f" and {more} more" if (more := len(case.findings) - 1) else ""),
    }


def _filled(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Drop the columns that no row fills."""
    used = [name for name in rows[0] if any(row[name] for row in rows)]
    return tuple({name: row[name] for name in used} for row in rows)
