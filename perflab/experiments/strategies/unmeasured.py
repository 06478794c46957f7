"""What the catalogue plans for a notebook of strategies and the notebook does not measure."""

from __future__ import annotations

from collections.abc import Collection

from perflab.experiments.study import Study
from perflab.findings.catalogue import load_strategies


def unmeasured(study: Study, notebook: str, measured: Collection[str]) -> str:
    """Name the strategies that are planned for a notebook and not among those `measured`, by their ids.

    Those that a flag of the system realises stand apart, with the flag: 30_prototype screens every value at full
    effort, and another notebook may measure it.
    """
    planned = [s for s in load_strategies(study.system.resolve(study.system.strategies)) if s.notebook == notebook]
    left = [s for s in planned if s.id not in measured]
    flags = {v.strategy: f"{flag.name}={v.value}" for flag in study.system.flag for v in flag.values if v.strategy}
    nowhere = "; ".join(f"{s.id} {s.name}" for s in left if s.id not in flags)
    elsewhere = "; ".join(f"{s.id} {s.name} ({flags[s.id]})" for s in left if s.id in flags)
    told = f" Flags of the system that other notebooks measure: {elsewhere}." if elsewhere else ""
    return f"Open, planned for this notebook and not measured in it: {nowhere or 'nothing'}.{told}"
