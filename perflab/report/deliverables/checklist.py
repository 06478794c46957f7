"""Checklists that the findings of the run tick off."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from perflab.findings.finding import Finding
from perflab.report.deliverables.criteria import judged_by_targets, matching
from perflab.report.deliverables.document import Block, Row, Rows
from perflab.report.deliverables.material import Material

FILE = Path(__file__).parent / "checklists.toml"
SAYS_NOTHING = ("not-yet-judged", "untrusted")  # such a finding ticks nothing off


def checklist(material: Material, name: str) -> list[Block]:
    """Return one checklist: what is asked, how it stands (done, missed, open), and the findings that say so."""
    items: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))[name]
    return [Rows(tuple(_row(material, item) for item in items), stacked=True)]


def _row(material: Material, item: dict[str, Any]) -> Row:
    if item["rule"] == "targets":
        state, on = judged_by_targets(material, item)
        state = "done" if state == "met" else state
    else:
        found = [f for f in matching(material, item) if f.verdict not in SAYS_NOTHING and _asked(f, item)]
        state, on = ("done", ", ".join(f.id for f in found[:3])) if found else ("open", "no such finding")
        on += f" and {len(found) - 3} more" if len(found) > 3 else ""
    return {"item": item["text"], "state": state, "ticked by": item["check"], "on what": on}


def _asked(finding: Finding, item: dict[str, Any]) -> bool:
    """Return whether a finding is of the stage that is asked for and carries one of the tables."""
    words = item.get("details", [])
    return finding.stage in item.get("stages", [finding.stage]) and (
        not words or any(word in name for word in words for name in finding.details)
    )
