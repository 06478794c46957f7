"""What a report takes from the system's description: which variant is judged, and every target with where it stands.

The report never imports the seam that starts systems; it reads two keys of the same TOML file. A run may outlive its
system file, so an absent or broken file is not an error here: the findings then speak alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from perflab.errors import PerflabError
from perflab.findings.finding import Finding
from perflab.runs import Manifest

Rows = Sequence[Mapping[str, Any]]


@lru_cache(maxsize=64)
def _description(path: str) -> Mapping[str, Any]:
    """Return the system's TOML as it stands, empty when it cannot be read."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def declared_judge(manifest: Manifest) -> str:
    """Return the variant that is judged, as the run noted it or as its system file says; "" when neither does."""
    return str(manifest.notes.get("judge") or _description(manifest.system).get("judge") or "")


def target_rows(manifest: Manifest, findings: Sequence[Finding], judged: str) -> Rows:
    """Return one row per target of the system's target file: id, quote, domain, verdict, level, finding, reason.

    Without a readable target file there is one row per target that has a finding.
    """
    from perflab.findings.catalogue import load_targets
    from perflab.findings.traceability import trace_targets

    named = str(_description(manifest.system).get("targets", ""))
    try:
        targets = load_targets((Path(manifest.system).parent / named).resolve()) if named else ()
    except (PerflabError, OSError):
        targets = ()
    if not targets:
        return _from_findings(manifest, findings, judged)
    traced = trace_targets(targets, findings, domain=manifest.domain, variant=judged)
    return [{"id": row.id, "quote": row.quote or row.text, "domain": row.domain, "verdict": row.verdict,
             "level": row.level, "finding": row.finding_ids[0] if row.finding_ids else "", "reason": row.reason}
            for row in traced]  # fmt: skip


def _from_findings(manifest: Manifest, findings: Sequence[Finding], judged: str) -> Rows:
    from perflab.report.verdict import by_target, judged_targets

    decided = by_target(judged_targets(findings, judged)).values()
    return [{"id": f.target_id or f.id, "quote": f.question, "domain": manifest.domain, "verdict": f.verdict,
             "level": f.level, "finding": f.id, "reason": f.claim} for f in decided]  # fmt: skip


def strategy_names(manifest: Manifest) -> dict[str, str]:
    """Return the names of the strategies of the system's catalogue by id, empty when there is none to read."""
    named = _description(manifest.system).get("strategies")
    if not named:
        return {}
    found = _description(str((Path(manifest.system).parent / str(named)).resolve())).get("strategy", [])
    return {str(s.get("id")): str(s.get("name", "")) for s in found if isinstance(s, Mapping)}
