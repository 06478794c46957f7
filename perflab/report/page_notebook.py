"""An executed notebook as a page of its own: no fetching, code folded, formulae as MathML, figures as drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import escape

from perflab import __version__
from perflab.report.neutral import CONTENT_POLICY, neutral
from perflab.report.notebook.light_imports import nbformat
from perflab.report.pages import TEMPLATES, style_sheet
from perflab.runs import write_atomic
from perflab.units import bytes_text, seconds_text

EXTRA_CSS = """section.md h1{margin-top:1.2rem}pre.out{background:none;border:0;padding:.2rem 0;color:var(--ink)}
details.src summary{font-size:.8125rem;color:var(--muted)}.anchor-link{display:none}table.dataframe{width:auto;border:0}
table.dataframe th,table.dataframe td{padding-right:1rem;border-width:0 0 1px}math[display=block]{margin:.8rem 0}
img{max-width:100%;height:auto}p.cost{font-size:.75rem;color:var(--muted);margin:.1rem 0 .6rem}"""
WORTH_SAYING_S = 0.1  # a line under every cell would bury the reading; the table at the end has them all
ERROR_MARK = "papermill-error-cell-tag"  # papermill's own red banners: the page says it in its own way
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|(?<![\\$\w])\$([^\s$][^$\n]*?)\$(?![\w$])|\\\((.+?)\\\)", re.S)
_VERBATIM = re.compile(r"(<(pre|code|svg|math)\b.*?</\2>)", re.S)
_HEADING = re.compile(r"<h([1-6])\b([^>]*)>(.*?)</h\1>", re.S)


def build_notebook_page(notebook: Path, out: Path) -> Path:
    """Write the page of an executed notebook (a failed one included) and return its path."""
    node = nbformat.read(notebook, as_version=4)
    node.cells = [cell for cell in node.cells if ERROR_MARK not in cell.metadata.get("tags", [])]
    outcome = node.metadata.get("perflab_outcome", {})
    run_page = "../index.html" if (notebook.parent.parent / "manifest.json").is_file() else ""
    facts = {
        "title": _title(node, notebook.stem),
        "css": style_sheet() + EXTRA_CSS,
        "name": notebook.stem,
        "run_page": run_page,
        "problem": outcome.get("reason", ""),
        "cells": costly_cells(node),
        "version": __version__,
        "policy": CONTENT_POLICY,
    }
    text, _ = _exporter().from_notebook_node(node, resources={"perflab": facts})
    write_atomic(out, text)
    return out


def _title(node: Any, otherwise: str) -> str:
    """Return the first heading of the notebook."""
    lines = (line for cell in node.cells if cell.cell_type == "markdown" for line in cell.source.splitlines())
    return next((line[2:].strip() for line in lines if line.startswith("# ")), otherwise)


def _exporter() -> Any:
    """Return an nbconvert exporter with our template and filters."""
    from nbconvert import exporters
    from nbconvert.filters import strip_ansi

    made: Any = exporters.TemplateExporter  # it has no annotations
    folder = [str(TEMPLATES)]
    exporter = made(template_name="notebook", template_file="index.html.j2", extra_template_basedirs=folder)
    exporter.output_mimetype = "text/html"
    page = _HeadingIds()
    filters = {
        "markdown_page": page.markdown,
        "mathml": mathml,
        "strip_ansi": strip_ansi,
        "neutral": neutral,
        "named_svg": named_svg,
        "alt_text": alt_text,
        "cell_label": cell_label,
        "cell_cost": cell_cost,
        "filter_data_type": preferred,
    }
    for name, function in filters.items():
        exporter.register_filter(name, function)
    return exporter


def cell_cost(cell: Any) -> str:
    """Return what a cell took, as the strict runner measured it from outside; empty for cells that took no time."""
    record = cell.metadata.get("perflab", {})
    if record.get("wall_s", 0.0) < WORTH_SAYING_S:
        return ""
    peak = f", peak memory {bytes_text(record['peak_rss_bytes'])}" if record.get("peak_rss_bytes") else ""
    return f"took {seconds_text(record['wall_s'])}, {seconds_text(record.get('cpu_s', 0.0))} of CPU{peak}"


def costly_cells(node: Any) -> list[dict[str, Any]]:
    """Return the records of the cells that ran, longest first."""
    records = [dict(c.metadata.get("perflab", {})) for c in node.cells if c.cell_type == "code"]
    return sorted((r for r in records if r.get("wall_s")), key=lambda r: -float(r["wall_s"]))


def preferred(data: dict[str, Any]) -> list[str]:
    """Return the richest form of an output that a page can show without fetching or running anything."""
    order = ("text/html", "image/svg+xml", "image/png", "text/markdown", "text/latex", "text/plain")
    return [kind for kind in order if kind in data][:1]


class _HeadingIds:
    """Gives every heading of one page an id of its own."""

    def __init__(self) -> None:
        self._used: set[str] = {"main"}

    def markdown(self, source: str) -> str:
        """Return Markdown as HTML with MathML and linkable headings; HTML in it is shown as text."""
        from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

        html = MarkdownWithMath(renderer=IPythonRenderer(escape=True)).render(source)
        return _HEADING.sub(self._heading, neutral(mathml(html)))

    def _heading(self, found: re.Match[str]) -> str:
        from perflab.report.pages import slug

        level, inside = found[1], re.sub(r'<a class="anchor-link".*?</a>', "", found[3])
        base = slug(re.sub(r"<[^>]+>", "", inside))
        name, count = base, 2
        while name in self._used:
            name, count = f"{base}-{count}", count + 1
        self._used.add(name)
        mark = f'<a class="self" href="#{name}" aria-label="Link to this section">#</a>'
        return f'<h{level} id="{name}">{inside}{mark}</h{level}>'


def mathml(html: str) -> str:
    """Replace TeX between dollars or backslash brackets by MathML, outside code; what cannot be read stays as code."""
    parts = _VERBATIM.split(html)
    # split() returns text, verbatim, its tag name, text, ...: every third from the start is plain text
    return "".join(
        _MATH.sub(_formula, part) if i % 3 == 0 else part if i % 3 == 1 else "" for i, part in enumerate(parts)
    )


def _formula(found: re.Match[str]) -> str:
    from html import unescape

    from latex2mathml.converter import convert

    block = found[1] or found[2]
    tex = unescape(block or found[3] or found[4])
    try:
        return str(convert(tex, display="block" if block else "inline"))
    except Exception:
        # latex2mathml raises its own and built-in types for TeX that it does not know; the reader then gets the TeX
        return f"<code>{escape(tex)}</code>"


def named_svg(svg: str, output: Any) -> str:
    """Return an SVG that carries a name for screen readers."""
    svg = svg[svg.index("<svg") :] if "<svg" in svg else svg
    if "aria-label" in svg[: svg.find(">")]:
        return svg
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt_text(output))}"', 1)


def alt_text(output: Any) -> str:
    """Return the words that stand for an image: its metadata's, else its plain text."""
    for kind in ("image/svg+xml", "image/png"):
        alt = output.get("metadata", {}).get(kind, {})
        if isinstance(alt, dict) and alt.get("alt"):
            return str(alt["alt"])
    return str(output.get("metadata", {}).get("alt") or output.get("data", {}).get("text/plain") or "figure")


def cell_label(cell: Any) -> str:
    """Return what the fold of a code cell says: its name, what it is, how long it took."""
    if "injected-parameters" in cell.metadata.get("tags", []):
        return "parameters of this run"
    record = cell.metadata.get("perflab", {})
    took = f", {record['wall_s']:.1f} s" if record.get("wall_s") else ""
    state = "" if record.get("status", "done") == "done" else f", {record['status']}"
    return f"code: {cell.get('id', '')}{took}{state}"
