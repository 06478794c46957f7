"""Build every deliverable of a run, as HTML and as Markdown."""

from __future__ import annotations

from pathlib import Path

from perflab.report.deliverables.baseline_report import baseline_report
from perflab.report.deliverables.document import Document
from perflab.report.deliverables.executive_summary import executive_summary
from perflab.report.deliverables.guide.forests import strategy_forests
from perflab.report.deliverables.markdown import to_markdown
from perflab.report.deliverables.material import Material
from perflab.report.deliverables.monitoring_plan import monitoring_plan
from perflab.report.deliverables.prototype_report import prototype_report
from perflab.report.deliverables.scalability_specification import scalability_specification
from perflab.report.deliverables.strategy_guide import strategy_guide
from perflab.report.described import (
    Rows,
    declared_laboratories,
    names_a_price,
    strategies_described,
    strategy_names,
    target_rows,
)
from perflab.report.pages import FigureShelf, render
from perflab.report.run_files import readable_findings
from perflab.report.switched import switched
from perflab.report.verdict import overall
from perflab.runs import Run, write_atomic

ALL = (executive_summary, baseline_report, strategy_guide, prototype_report, monitoring_plan, scalability_specification)


def build_deliverables(run: Run, rows: Rows | None = None) -> list[Path]:
    """Write the five deliverables and the executive summary below the run; return their paths, HTML before Markdown.

    `rows` is the traceability of every target as in `build_run_page`. A section without a finding says why.
    """
    findings, _ = readable_findings(run.path / "findings")
    verdict = overall(findings, run.manifest)
    traced = target_rows(run.manifest, findings, verdict.judged) if rows is None else rows
    known = strategies_described(run.manifest)
    material = Material(run.manifest, tuple(findings), verdict, tuple(traced), strategy_names(run.manifest),
                        known.catalogue, known.cards, known.fault, known.flags, known.code,
                        declared_laboratories(run.manifest), switched(run.manifest),
                        names_a_price(run.manifest), strategy_forests(run, findings))  # fmt: skip
    paths = []
    for assemble in ALL:
        paths += _write(run, assemble(material))
    return paths


def _write(run: Run, document: Document) -> list[Path]:
    """Write one deliverable in both forms."""
    folder = run.folder("deliverables")
    page = render("deliverable.html.j2", document=document, run=run.manifest, svg_of=FigureShelf(run.path),
                  up=lambda path: f"../{path}")  # fmt: skip
    html, markdown = folder / f"{document.name}.html", folder / f"{document.name}.md"
    write_atomic(html, page)
    write_atomic(markdown, to_markdown(document, run.id))
    return [html, markdown]
