"""Checklists that the findings of the run tick off."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from perflab.report.deliverables.criteria import concerns, judged_by_targets, level_of_any, telling
from perflab.report.deliverables.document import Block, Row, Rows
from perflab.report.deliverables.material import Material

FILE = Path(__file__).parent / "checklists.toml"


def checklist(material: Material, name: str) -> list[Block]:
    """Return one checklist: what is asked, how it stands (done, missed, open), and the findings that say so."""
    items: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))[name]
    return [Rows(tuple(_row(material, item) for item in items if concerns(material, item)), stacked=True)]


def _row(material: Material, item: dict[str, Any]) -> Row:
    if item["rule"] == "targets":
        state, on = judged_by_targets(material, item)
        state = state.replace("met", "done", 1) if state.startswith("met") else state
    else:
        found = telling(material, item)
        state = f"done{level_of_any(found)}" if found else "open"
        on = ", ".join(f.id for f in found[:3]) or "no such finding"
        on += f" and {len(found) - 3} more" if len(found) > 3 else ""
    return {"item": item["text"], "state": state, "ticked by": item["check"], "on what": on}
