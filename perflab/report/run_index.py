"""The index of all runs: one row each, newest first, with what a reader compares first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from perflab.findings.finding import Finding
from perflab.report.history_page import history_page
from perflab.report.pages import render
from perflab.report.run_files import readable_findings
from perflab.report.verdict import Verdict, by_target, judged_targets, overall
from perflab.report.wording import effect_text
from perflab.runs import Manifest, Run, list_runs, write_atomic
from perflab.units import seconds_text

MOST_FIGURES = 3


@dataclass(frozen=True)
class IndexRow:
    """One run in the index."""

    manifest: Manifest
    verdict: Verdict
    figures: tuple[str, ...]
    machine: str
    took: str
    page: str


def build_index(reports: Path) -> Path:
    """Write `reports/index.html` with every run; those that cannot be read are listed with the reason."""
    runs, problems = list_runs(reports)
    path = reports / "index.html"
    reports.mkdir(parents=True, exist_ok=True)
    rows, history = [_row(run, reports) for run in runs], history_page(reports).exists()
    write_atomic(path, render("index.html.j2", rows=rows, problems=problems, history=history))
    return path


def _row(run: Run, reports: Path) -> IndexRow:
    """Return the row of a run."""
    findings, _ = readable_findings(run.path / "findings")
    verdict = overall(findings, run.manifest)
    facts = run.manifest.fingerprint
    machine = ", ".join(str(v) for v in (facts.get("cpu_model"), f"{facts.get('cores', '?')} cores") if v)
    page = run.path / "index.html"
    return IndexRow(run.manifest, verdict, _figures(findings, verdict), machine, _took(run.manifest),
                    str(page.relative_to(reports)) if page.exists() else "")  # fmt: skip


def _figures(findings: Sequence[Finding], verdict: Verdict) -> tuple[str, ...]:
    """Return the headline figures: judged targets and comparisons that their notebooks put on top, none untrusted."""
    targets = by_target(judged_targets(findings, verdict.judged)).values()
    comparisons = [f for f in findings if f.kind == "comparison" and f.headline]
    trusted = [f for f in (*targets, *comparisons) if f.effect and f.verdict != "untrusted"]
    ranked = sorted(trusted, key=lambda f: (-f.headline, f.order))
    shown = []
    for f in ranked[:MOST_FIGURES]:
        assert f.effect is not None
        shown.append(f"{f.effect.metric.replace('_', ' ')} {effect_text(f)}")
    return tuple(shown)


def _took(manifest: Manifest) -> str:
    """Return how long the run took over all its sessions, or how it stands."""
    if manifest.status == "running":
        return manifest.status
    if "wall_s" in manifest.notes:
        took = seconds_text(float(manifest.notes["wall_s"]))
        return f"{manifest.status} after {took}" if manifest.status == "interrupted" else took
    if not manifest.finished:
        return manifest.status
    return seconds_text(
        (datetime.fromisoformat(manifest.finished) - datetime.fromisoformat(manifest.created)).total_seconds()
    )
