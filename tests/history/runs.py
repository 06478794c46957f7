"""Small finished runs with planted figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from perflab.findings.finding import Effect, Finding, dump_findings
from perflab.runs import Manifest, Run

FINGERPRINT = {"cpu_model": "Round Number CPU", "cores": 2, "kernel": "6.1"}


def comparison(before: list[float], after: list[float], **changes: Any) -> Finding:
    """Return the finding of a block comparison of CPU with its blocks."""
    ratio = float(np.median(np.array(after) / np.array(before)))
    blocks = [{"block": i, "baseline": a, "optimised": b} for i, (a, b) in enumerate(zip(before, after, strict=True))]
    fields: dict[str, Any] = {
        "id": "F30-1", "notebook": "30_prototype", "question": "q", "claim": "c.", "kind": "comparison",
        "verdict": "better", "level": "measured-quick", "variant": "optimised", "details": {"blocks": blocks},
        "effect": Effect(metric="CPU per turn", value=ratio, low=ratio * 0.9, high=ratio * 1.1, unit="ratio", n=6),
    }  # fmt: skip
    return Finding(**{**fields, **changes})


def target(id: str, metric: str, value: float, unit: str = "ms", **changes: Any) -> Finding:
    """Return the finding of a judged target."""
    fields: dict[str, Any] = {
        "id": f"F30-{id}", "notebook": "30_prototype", "question": "q", "claim": "c.", "kind": "target",
        "verdict": "meets", "level": "measured-quick", "variant": "optimised", "target_id": id, "scenario": "normal",
        "effect": Effect(metric=metric, value=value, low=value * 0.95, high=value * 1.05, unit=unit, n=100),
    }  # fmt: skip
    return Finding(**{**fields, **changes})


def make_run(
    reports: Path, number: int, findings: list[Finding] | None = None, cpu: float = 50.0, **changes: Any
) -> Run:
    """Write run `number`, one an hour; `changes` are fields of the manifest."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    fields: dict[str, Any] = {
        "run_id": f"{at:%Y%m%dT%H%M%SZ}-quick-{number:04x}", "created": at.isoformat(timespec="seconds"),
        "finished": at.isoformat(timespec="seconds"), "status": "done", "system": "s.toml", "system_name": "shop",
        "system_digest": "d", "effort": "quick", "domain": "shop", "rng_seed": 7, "commit": f"{number:012x}",
        "fingerprint": FINGERPRINT,
    }  # fmt: skip
    run = Run.create(reports, Manifest.model_validate({**fields, **changes}))
    if findings is None:
        noise = np.random.default_rng(number).normal(0, 0.01, 6)
        before = (cpu * np.exp(noise)).tolist()
        findings = [comparison(before, [value / 4 for value in before])]
    (run.folder("findings") / "30_prototype.json").write_bytes(dump_findings(findings))
    return run
