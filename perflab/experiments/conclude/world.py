"""Under which settings of the world around the system a figure holds, in words."""

from __future__ import annotations

from collections.abc import Mapping

from perflab.experiments.study import Study
from perflab.findings.finding import Finding

SAID = {"meets": "is met", "misses": "is missed", "inconclusive": "is open", "untrusted": "has no trusted verdict"}


def under(study: Study, chosen: Mapping[str, str] | None = None) -> str:
    """Return " under latency=fast": the conditions that targets are judged by more than once; empty without any.

    `chosen`: values other than the defaults, always named. A finding's `condition` stays empty for the defaults: it is
    part of what the history knows a series by.
    """
    chosen = chosen or {}
    values = study.system.conditions(**chosen)
    told = [c.name for c in study.system.condition if c.name in chosen or len(c.judged) > 1]
    return f" under {', '.join(f'{name}={values[name]}' for name in told)}" if told else ""


def elsewhere(study: Study, findings: list[Finding], target_id: str, variant: str) -> str:
    """Return what was judged of a target under other conditions than the default ones, one sentence each.

    `findings`: of the run so far. A figure that was taken by the default conditions alone would hide it.
    """
    told = []
    for found in findings:
        if (found.kind, found.target_id, found.variant) != ("target", target_id, variant):
            continue
        if other := _chosen(study, found.condition):
            users = next((f" at {s.users} users" for s in study.system.scenario if s.name == found.scenario), "")
            told.append(f" Under {other} the target {SAID.get(found.verdict, 'is not judged')}{users}.")
    return "".join(dict.fromkeys(told))


def _chosen(study: Study, condition: str) -> str:
    """Return those parts of a finding's condition that are not the system's defaults."""
    usual = {f"{name}={value}" for name, value in study.system.conditions().items()}
    return ", ".join(part for part in condition.split(",") if part and part not in usual)
