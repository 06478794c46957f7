"""What every page shares: the template environment, the style sheet, and how tables and figures get into a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup, escape

from perflab import __version__
from perflab.findings.finding import Evidence
from perflab.report.neutral import CONTENT_POLICY
from perflab.report.style import css_variables
from perflab.report.wording import effect_text, is_verdict, look, n_text, plural
from perflab.units import bytes_text, number_text, seconds_text

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
FIGURE_BYTES = 320_000  # figures inlined into one page together; beyond it they are linked: a page stays under 500 kB
_ACTIVE = re.compile(r"<script|<foreignObject|\son\w+\s*=|javascript:", re.I)


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """Return the CSS of every page with the figures' palette in it."""
    text = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return text.replace("@@LIGHT@@", css_variables(False)).replace("@@DARK@@", css_variables(True))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the template environment: everything is escaped unless it is our own markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    made.globals.update(look=look, is_verdict=is_verdict, effect_text=effect_text, n_text=n_text, plural=plural,
                        columns_of=columns_of, numeric=numeric, cell=cell, link=link, seconds=seconds_text,
                        size=bytes_text, slug=slug, policy=CONTENT_POLICY, css=Markup(style_sheet()),
                        version=__version__, svg_of=lambda evidence: "")  # fmt: skip
    return made


def render(template: str, **context: Any) -> str:
    """Render a page."""
    return environment().get_template(template).render(**context)


def link(path: str) -> str:
    """Return a path below the run as a link; a name with spaces or quotes stays one link."""
    return quote(path, safe="/._-~#")


def slug(text: str) -> str:
    """Return text as an HTML id."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "part"


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns of a list of flat dictionaries in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def numeric(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    """Return whether every known value of a column is a number, so that it is set flush right."""
    known = [row[column] for row in rows if row.get(column) is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def cell(value: Any) -> str:
    """Return a value as a table shows it; an unknown one is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return number_text(value) if isinstance(value, float) else str(value)


class FigureShelf:
    """Hands out the figures of a run for inlining, each once per page, within the page's budget."""

    def __init__(self, run_path: Path, budget: int = FIGURE_BYTES) -> None:
        self._run, self._left, self._shown = run_path, budget, set[str]()

    def shown(self, evidence: Evidence) -> bool:
        """Whether a figure stands on the page already: whoever refers to it again need not say what it shows."""
        return evidence.path in self._shown

    def __call__(self, evidence: Evidence) -> str:
        """Return the SVG of a figure, or "" when it is missing, shown already, not ours, or too large for the page."""
        file = (self._run / evidence.path).resolve()
        if evidence.path in self._shown or not file.is_file() or self._run.resolve() not in file.parents:
            return ""
        text = file.read_text(encoding="utf-8", errors="replace")
        text = re.sub(r"<style>.*?</style>", "", text, count=1, flags=re.S)  # the page's own palette applies
        if len(text) > self._left or _ACTIVE.search(text) or not text.lstrip().startswith("<svg"):
            return ""
        self._left -= len(text)
        self._shown.add(evidence.path)
        if "aria-label" not in text[: text.index(">")]:
            text = text.replace("<svg", f'<svg role="img" aria-label="{escape(evidence.alt or evidence.title)}"', 1)
        return Markup(text)
