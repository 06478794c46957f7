"""The page of a run: the verdict first, then what carries it, then whether to believe it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perflab.findings.conditions import conditions_of
from perflab.findings.finding import Finding, TrustCheck
from perflab.findings.measurement import same_as
from perflab.report.calibration import NOTE, calibration_of
from perflab.report.described import Rows, changed_since, target_rows
from perflab.report.pages import FigureShelf, render, slug
from perflab.report.run_files import files_in, readable_findings
from perflab.report.tiles import conditions_told, tiles
from perflab.report.verdict import Verdict, judged_targets, overall
from perflab.report.wording import few
from perflab.runs import Run, write_atomic

MOST_STEPS = 8


def build_run_page(run: Run, rows: Rows | None = None) -> Path:
    """Write the run's `index.html` from its manifest and findings, at any moment of the run; return its path.

    `rows` is the traceability of every target: dictionaries with id, quote, domain, verdict, level, finding, reason.
    """
    findings, problems = readable_findings(run.path / "findings")
    verdict = overall(findings, run.manifest)
    if rows is None:
        rows = target_rows(run.manifest, findings, verdict.judged)
    told, under = conditions_told(findings, verdict)
    quotes = {str(row["id"]): str(row.get("quote", "")) for row in rows}
    page = render(
        "run.html.j2",
        run=run.manifest,
        verdict=verdict,
        findings=findings,
        tables=findings_tables(findings, verdict.judged),
        problems=problems,
        changed=changed_since(run.manifest, findings),
        tiles=tiles(findings, verdict),
        quotes=quotes,
        blocks=blocks(findings),
        trust=trust_checks(findings),
        groups=grouped(rows, run.manifest.domain),
        files={name: files_in(run.path, name) for name in ("deliverables", "notebooks", "profiles", "samples")},
        facts=flat(run.manifest.fingerprint),
        notes=flat({name: value for name, value in run.manifest.notes.items() if name != NOTE}),
        calibration=calibration_of(run),
        glossary=glossary(),
        changes=with_what_for(what_would_change_it(findings, verdict), findings, verdict),
        settings=settings_judged(findings),
        told=told,
        under=under,
        shown=conditions_of(findings),
        same=same_as(judged_targets(findings, verdict.judged)),
        svg_of=FigureShelf(run.path),
        anchor=anchor,
        unfinished=run.manifest.status != "done",
        total_targets=len(rows),
        title_of_table=title_of_table,
        tables_of=tables_of,
        pages={file.name for file in (run.path / "notebooks").glob("*.html")},
    )
    path = run.path / "index.html"
    write_atomic(path, page)
    return path


def findings_tables(findings: Sequence[Finding], judged: str) -> list[tuple[str, list[Finding]]]:
    """Return the findings in two tables: what decides, weightiest first, and the rest in order of id."""
    decides = [
        f for f in findings if f.headline or (f.verdict in ("misses", "untrusted") and f.variant in ("", judged))
    ]
    first = sorted(decides, key=lambda f: (-f.headline, f.order))
    rest = [f for f in findings if f not in first]
    return [("", first or rest), *([("The other findings", rest)] if first and rest else [])]


def blocks(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return the findings by notebook, the ones with weight or figures first inside each."""
    names = sorted({f.notebook for f in findings})
    return [(name, sorted((f for f in findings if f.notebook == name), key=_weight)) for name in names]


def _weight(finding: Finding) -> tuple[int, int, str]:
    has_figure = any(e.kind == "figure" for e in finding.evidence)
    return -finding.headline, 0 if has_figure else 1, finding.id


def anchor(finding: Finding) -> str:
    """Return the id of a finding's block on the page."""
    return slug(finding.id)


def title_of_table(finding: Finding, name: str) -> str:
    """Return the name of a finding's table, with the unit of its numbers where the finding has it."""
    unit = finding.details.get(f"unit_of_{name}")
    return name.replace("_", " ") + (f" ({unit})" if unit else "")


def tables_of(finding: Finding) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the small tables that a finding carries, by name."""
    return [(name, rows) for name, rows in finding.details.items()
            if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows)]  # fmt: skip


def trust_checks(findings: Sequence[Finding]) -> list[tuple[TrustCheck, str]]:
    """Return every distinct trust check with the findings that it bears on, the failed ones first."""
    seen: dict[TrustCheck, list[str]] = {}
    for finding in findings:
        for check in finding.trust:
            seen.setdefault(check, []).append(finding.id)
    ranked = sorted(seen, key=lambda check: (check.passed, not check.veto, check.name))
    return [(check, few(seen[check])) for check in ranked]


def grouped(rows: Rows, domain: str) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the traceability rows by domain, the run's own first."""
    names = dict.fromkeys(str(row.get("domain", "")) for row in rows)
    order = sorted(names, key=lambda name: (name != domain, name))
    return [(name, [row for row in rows if str(row.get("domain", "")) == name]) for name in order]


def what_would_change_it(findings: Sequence[Finding], verdict: Verdict) -> list[str]:
    """Return the next steps of what is open or missed, the weightiest first, each once.

    Where a target is missed, those of the misses alone: to settle what is open would leave the verdict as it is.
    """
    bad = ("misses",) if verdict.counts.get("misses") else ("inconclusive", "untrusted", "worse")
    open_ = [f for f in findings if f.next_step and f.verdict in bad and f.variant in ("", verdict.judged)]
    ranked = sorted(open_, key=lambda f: (-f.headline, f.order))
    return list(dict.fromkeys(f.next_step for f in ranked))[:4]


def settings_judged(findings: Sequence[Finding]) -> list[Mapping[str, Any]]:
    """Return what each setting of the world under which targets were judged stands for, where the run says it."""
    return [row for f in findings for name, rows in tables_of(f) if name == "judged_under" for row in rows]


def next_steps(findings: Sequence[Finding], verdict: Verdict) -> list[str]:
    """Return what to do next, the weightiest first, each once: the steps of all findings but other variants' targets.

    Beside what would change the verdict it has what would settle a strategy or confirm one that was only screened.
    """
    asking = [f for f in findings if f.next_step and (f.kind != "target" or f.variant in ("", verdict.judged))]
    ranked = sorted(asking, key=lambda f: (-f.headline, f.order))
    return list(dict.fromkeys(f.next_step for f in ranked))[:MOST_STEPS]


def with_what_for(steps: Sequence[str], findings: Sequence[Finding], verdict: Verdict) -> list[str]:
    """Return steps with the targets or strategies that each is for: "Measure longer (for S4-LAT-1)"."""
    asking = [f for f in findings if f.kind != "target" or f.variant in ("", verdict.judged)]
    told = []
    for step in steps:
        own = [f for f in asking if f.next_step == step]
        names = [f.target_id or f.strategy or f.id for f in sorted(own, key=lambda f: (-f.headline, f.order))]
        told.append(f"{step} (for {few(names)})" if names else step)
    return told


def flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested facts as pairs of name and text."""
    pairs: list[tuple[str, str]] = []
    for name, value in facts.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            pairs += flat(value, f"{label}: ")
        elif isinstance(value, list | tuple):
            pairs.append((label, ", ".join(map(str, value))))
        else:
            pairs.append((label, str(value)))
    return pairs


def glossary() -> list[dict[str, str]]:
    """Return the words of the glossary."""
    text = (Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8")
    words: list[dict[str, str]] = tomllib.loads(text)["word"]
    return words
