"""What a report takes from the system's description: which variant is judged, and every target with where it stands.

The report never imports the seam that starts systems; it reads a few keys of the same TOML file. A run may outlive its
system file, so an absent or broken file is not an error here: the findings then speak alone.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import PerflabError
from perflab.findings.finding import Finding
from perflab.runs import Manifest

if TYPE_CHECKING:
    from perflab.findings.catalogue import Strategy, StrategyCard, Target

Rows = Sequence[Mapping[str, Any]]


@lru_cache(maxsize=64)
def _description(path: str) -> Mapping[str, Any]:
    """Return the system's TOML as it stands, empty when it cannot be read."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def description(manifest: Manifest) -> Mapping[str, Any]:
    """Return the system's TOML as it stands, empty when it cannot be read."""
    return _description(manifest.system)


def declared_judge(manifest: Manifest) -> str:
    """Return the variant that is judged, as the run noted it or as its system file says; "" when neither does."""
    return str(manifest.notes.get("judge") or _description(manifest.system).get("judge") or "")


def usual_judge(manifest: Manifest) -> str:
    """Return the variant that is judged where nothing is declared: of a system without a flag to change the baseline.

    As the seam that starts systems chooses it. A system file that is gone is taken for one with flags.
    """
    body = _description(manifest.system)
    changed = (flag.get("optimised") != flag["values"][0].get("value") for flag in body.get("flag", ()))
    return "optimised" if not body or any(changed) else "baseline"


def names_a_price(manifest: Manifest) -> bool:
    """Return whether the system's file names the price of a core."""
    prices = description(manifest).get("prices", {})
    return isinstance(prices, Mapping) and bool(prices.get("core_hour"))


def declared_laboratories(manifest: Manifest) -> tuple[str, ...]:
    """Return the notebooks on parts by themselves that the system's file names, empty when it names none."""
    named = _description(manifest.system).get("laboratories", ())
    return tuple(map(str, named)) if isinstance(named, list) else ()


def target_rows(manifest: Manifest, findings: Sequence[Finding], judged: str) -> Rows:
    """Return one row per target of the system's target file: id, quote, domain, verdict, level, finding, reason.

    Without a readable target file there is one row per target that has a finding. Where the file has changed since, the
    quote of a judged target is what it was judged by.
    """
    from perflab.findings.traceability import trace_targets

    targets = _targets(manifest)
    if not targets:
        return _from_findings(manifest, findings, judged)
    traced = trace_targets(targets, findings, domain=manifest.domain, variant=judged, goals=_goals(manifest))
    then = _changed_targets(targets, findings)
    return [{"id": row.id, "quote": then.get(row.id) or row.quote or row.text, "domain": row.domain,
             "verdict": row.verdict, "level": row.level, "finding": row.finding_ids[0] if row.finding_ids else "",
             "reason": row.reason} for row in traced]  # fmt: skip


def changed_since(manifest: Manifest, findings: Sequence[Finding]) -> list[str]:
    """Return what of the system's files is not as it was when the run was judged; [] also where they are gone."""
    told = []
    if moved := sorted(_changed_targets(_targets(manifest), findings)):
        names = ", ".join(moved[:6]) + (f" and {len(moved) - 6} more" if len(moved) > 6 else "")
        told.append(f"Targets now read otherwise ({names}); they are shown as this run judged them.")
    try:
        present = hashlib.sha256(Path(manifest.system).read_bytes()).hexdigest()
    except OSError:
        return told
    if manifest.system_digest and present != manifest.system_digest:
        told.append(f"{Path(manifest.system).name} is not as it was; what is taken from it beside findings is today's.")
    return told


def _targets(manifest: Manifest) -> Sequence[Target]:
    """Return the targets of the system's target file as it stands, none when it cannot be read."""
    from perflab.findings.catalogue import load_targets

    path = _target_file(manifest)
    try:
        return load_targets(path) if path else ()
    except (PerflabError, OSError):
        return ()


def _goals(manifest: Manifest) -> dict[str, str]:
    """Return what the target file says of goals without a number, by id."""
    from perflab.findings.catalogue import load_goals

    path = _target_file(manifest)
    return load_goals(path) if path else {}  # readable: its targets have been read


def _target_file(manifest: Manifest) -> Path | None:
    named = str(_description(manifest.system).get("targets", ""))
    return (Path(manifest.system).parent / named).resolve() if named else None


def _changed_targets(targets: Sequence[Target], findings: Sequence[Finding]) -> dict[str, str]:
    """Return the targets that read otherwise than what they were judged by, with that; a claim begins with it."""
    known = {target.id: target for target in targets}
    judged = {f.target_id: f.claim for f in findings if f.kind == "target" and f.target_id in known}
    told = {id: _told(known[id], claim) for id, claim in judged.items() if claim.startswith(f"{known[id].metric} ")}
    return {id: words for id, words in told.items() if words != known[id].text}


def _told(target: Target, claim: str) -> str:
    """Return the words of a target as a claim has them; a percentile stood beside every metric until November 2026."""
    words = claim.partition(": ")[0]
    return words if target.is_quantile else re.sub(r"^(\S+) p(?:50|90|95|99) ", r"\1 ", words)


def _from_findings(manifest: Manifest, findings: Sequence[Finding], judged: str) -> Rows:
    from perflab.report.verdict import by_target, judged_targets

    decided = by_target(judged_targets(findings, judged)).values()
    return [{"id": f.target_id or f.id, "quote": f.question, "domain": manifest.domain, "verdict": f.verdict,
             "level": f.level, "finding": f.id, "reason": f.claim} for f in decided]  # fmt: skip


@dataclass(frozen=True)
class Described:
    """What the system's files say of strategies: the catalogue and the cards by id, and which flags realise which.

    `flags`: strategy to ``flag=value``; `code`: strategy to the files of those values below the system's source.
    `fault`: why there are no cards where the system names some.
    """

    catalogue: Mapping[str, Strategy]
    cards: Mapping[str, StrategyCard]
    flags: Mapping[str, tuple[str, ...]]
    code: Mapping[str, tuple[str, ...]]
    fault: str = ""


def strategies_described(manifest: Manifest) -> Described:
    """Return what the system's files say of strategies; empty where they cannot be read any more."""
    from perflab.findings.catalogue import load_cards, load_strategies

    body, folder = _description(manifest.system), Path(manifest.system).parent
    flags, code = _realised(body, folder)
    catalogue, cards, fault = {}, {}, ""
    try:
        if body.get("strategies"):
            catalogue = {s.id: s for s in load_strategies((folder / str(body["strategies"])).resolve())}
        if body.get("cards"):
            found = load_cards((folder / str(body["cards"])).resolve(), tuple(catalogue.values()))
            cards = {card.id: card for card in found}
    except PerflabError as error:
        fault = str(error)
    return Described(catalogue, cards, flags, code, fault)


def _realised(body: Mapping[str, Any], folder: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return the settings that realise each strategy, and those of their files that exist."""
    flags: dict[str, tuple[str, ...]] = {}
    code: dict[str, tuple[str, ...]] = {}
    source = str(body.get("source", ""))
    shown = "/".join(part for part in source.split("/") if part not in ("..", "."))
    for flag in body.get("flag", []):
        for value in flag.get("values", []):
            key, file = str(value.get("strategy", "")), f"flags/{flag.get('name')}/{value.get('value')}.py"
            if not key:
                continue
            flags[key] = (*flags.get(key, ()), f"{flag.get('name')}={value.get('value')}")
            if source and (folder / source / file).resolve().is_file():
                code[key] = (*code.get(key, ()), f"{shown}/{file}")
    return flags, code


def strategy_names(manifest: Manifest) -> dict[str, str]:
    """Return the names of the strategies of the system's catalogue by id, empty when there is none to read."""
    named = _description(manifest.system).get("strategies")
    if not named:
        return {}
    found = _description(str((Path(manifest.system).parent / str(named)).resolve())).get("strategy", [])
    return {str(s.get("id")): str(s.get("name", "")) for s in found if isinstance(s, Mapping)}
