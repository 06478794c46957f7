"""Success criteria and risks, each answered from findings."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perflab.findings.finding import Finding
from perflab.report.deliverables.document import Row
from perflab.report.deliverables.material import Material
from perflab.report.verdict import by_target, judged_targets
from perflab.report.wording import few, plural

FILE = Path(__file__).parent / "criteria.toml"
FULL = "measured-full"
BARE = "none yet"  # how the evidence of a risk begins that has none
SAYS_NOTHING = ("not-yet-judged", "untrusted")  # no criterion is met, no risk borne out and nothing ticked off by these
# What bears a risk out comes first: a row has room for four findings, and misses are the evidence on targets.
BAD_FIRST = ("misses", "worse", "inconclusive", "reported", "trivial", "equivalent", "meets", "better")


def criteria_rows(material: Material) -> list[Row]:
    """Return one row per success criterion: text, how it is checked, how it stands, on which findings."""
    return [_criterion(material, item) for item in _read("criterion") if concerns(material, item)]


def risk_rows(material: Material) -> list[Row]:
    """Return one row per risk: text, mitigation, and the findings that bear on it."""
    rows: list[Row] = []
    for item in _read("risk"):
        evidence = _bearing(material, item) or f"{BARE}{_refused(material, item)}"
        rows.append({"risk": item["id"], "level": item["level"], "text": item["text"], "mitigation": item["mitigation"],
                     "evidence": evidence})  # fmt: skip
    return rows


def concerns(material: Material, item: dict[str, Any]) -> bool:
    """Return whether an entry is for this system: not one on targets that its domain has not."""
    own = {row["id"] for row in material.targets if row.get("domain") == material.manifest.domain}
    own |= {f.target_id for f in material.findings if f.kind == "target"}
    return not item.get("targets") or not own.isdisjoint(item["targets"])


def complexity(material: Material) -> str:
    """Return how much code the optimised variant runs in place of the baseline's, as far as it can be counted."""
    after, before = sum(s.lines for s in material.switched), sum(s.lines_before for s in material.switched)
    if not material.switched:
        return "No flag is switched: no code is added." if material.verdict.judged == "baseline" else ""
    told = f"The optimised variant switches {plural(len(material.switched), 'flag')}"
    if not after:
        return f"{told}; their code is not in files of their own below the system's source, so it was not counted."
    return (
        f"{told}: {after:,} lines of code take the place of {before:,} ({after - before:+,}), files of the flags and "
        "private modules beside them, blank lines left out, as the source is today."
    )


def _bearing(material: Material, item: dict[str, Any]) -> str:
    """Return the findings that bear on a risk: how many of each verdict, then the first four, the bad ones first.

    A target counts once, with the worst of its conditions, and only where the judged variant was judged by it.
    """
    if item.get("rule") == "complexity":
        return complexity(material)
    if item.get("kind") == "target":
        decided = by_target(judged_targets(matching(material, item), material.verdict.judged)).values()
        found = [f for f in decided if f.verdict not in SAYS_NOTHING]
    else:
        found = telling(material, item)
    found.sort(key=lambda f: BAD_FIRST.index(f.verdict) if f.verdict in BAD_FIRST else len(BAD_FIRST))
    told = ", ".join(f"{f.id} {f.verdict}" for f in found[:4])
    if len(found) <= 4:
        return told
    counts = ", ".join(f"{verdict} {n}" for verdict, n in Counter(f.verdict for f in found).items())
    return f"{counts}: {told} and {len(found) - 4} more"


def _read(table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))[table]
    return items


def matching(material: Material, item: dict[str, Any]) -> list[Finding]:
    """Return the findings that an entry of the file asks for."""
    found = material.of(*item.get("notebooks", [""]), kind=item.get("kind", ""))
    words, verdicts, targets = item.get("words", []), item.get("verdicts", []), item.get("targets", [])
    return [f for f in found
            if (not verdicts or f.verdict in verdicts) and (not targets or f.target_id in targets) and _asked(f, item)
            and (not words or any(w in f"{f.question} {f.claim}".lower() for w in words))]  # fmt: skip


def telling(material: Material, item: dict[str, Any]) -> list[Finding]:
    """Return those that say something: neither refused nor left open, nor a figure that only explains another."""
    found = matching(material, item)
    return [f for f in found if f.verdict not in SAYS_NOTHING and not f.details.get("means")]


def _asked(finding: Finding, item: dict[str, Any]) -> bool:
    """Return whether a finding is of the stage that is asked for and carries one of the tables."""
    words = item.get("details", [])
    return finding.stage in item.get("stages", [finding.stage]) and (
        not words or any(word in name for word in words for name in finding.details)
    )


def _criterion(material: Material, item: dict[str, Any]) -> Row:
    """Return the row of one criterion."""
    if item["rule"] == "risks":
        bare = [row["risk"] for row in risk_rows(material) if row["evidence"].startswith(BARE)]
        state, on = ("met", "all risks carry evidence") if not bare else ("open", f"no evidence for {', '.join(bare)}")
    elif item["rule"] == "targets":
        state, on = judged_by_targets(material, item)
    elif unwatched := _unwatched(telling(material, item)) if item["rule"] == "kpis" else "":
        state, on = "open", unwatched
    else:
        found = telling(material, item)
        on = ", ".join(f.id for f in found[:5]) or f"no such finding{_refused(material, item)}"
        state = f"met{level_of_any(found)}" if found else "open"
    return {"criterion": item["id"], "text": item["text"], "checked by": item["check"], "state": state, "on what": on}


def _refused(material: Material, item: dict[str, Any]) -> str:
    """Return those that trust checks refused: to have looked and be refused is not to have looked at nothing."""
    if item.get("rule") == "complexity":  # lines of code are counted, whatever the findings say
        return ""
    found = [f for f in matching(material, {**item, "verdicts": []}) if f.verdict == "untrusted"]
    return f"; trust checks refused {few([f.id for f in found])}" if found else ""


def _unwatched(found: Sequence[Finding]) -> str:
    """Return which figures of a monitoring plan nothing watches, or only in part: no alert, or a gap that it names."""
    rows = [row for f in found for row in f.details.get("kpis", ())]
    without = [str(row.get("indicator", row.get("id", ""))) for row in rows if not row.get("alerts")]
    partly = [str(row.get("indicator", row.get("id", ""))) for row in rows if row.get("alerts") and row.get("gap")]
    told = (("no alert: ", without), ("a gap in what the series tells: ", partly))
    return "; ".join(words + ", ".join(names) for words, names in told if names)


def judged_by_targets(material: Material, item: dict[str, Any]) -> tuple[str, str]:
    """Judge a criterion by targets: missed by one miss, met when all are met, open otherwise.

    Targets without a verdict under any condition are left out; one under some of its conditions leaves it open.
    """
    found = judged_targets(matching(material, item), material.verdict.judged)
    judged = {f.target_id for f in found if f.verdict in ("meets", "misses", "inconclusive", "untrusted")}
    decided = {t: f for t, f in by_target(found).items() if t in judged}
    if not decided:
        return "open", "no target of this has been judged"
    told = ", ".join(f"{name} {f.verdict}" for name, f in sorted(decided.items()))
    verdicts = {f.verdict for f in decided.values()}
    if verdicts == {"meets"}:
        short = dict.fromkeys(f.level for f in decided.values() if f.level != FULL)
        return ("met" + f" ({', '.join(short)})" * bool(short)), told
    return ("missed" if "misses" in verdicts else "open"), told


def level_of_any(found: Sequence[Finding]) -> str:
    """Return in brackets what a state that one finding suffices for rests on; "" for a full measurement."""
    levels = list(dict.fromkeys(f.level for f in found))
    return "" if FULL in levels or not levels else f" ({levels[0]})"
