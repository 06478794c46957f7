"""What every figure is: an SVG with a title and a text that says the same in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from perflab.errors import StatisticError
from perflab.findings.finding import Evidence
from perflab.report.style import RED, standalone, svg_text
from perflab.runs import Run, write_atomic

if TYPE_CHECKING:
    import pandas

Table = Any  # a pandas DataFrame, or a list of flat dictionaries


@dataclass(frozen=True)
class TargetLine:
    """A target to be drawn on an axis, in the axis' unit, with the words beside the line."""

    value: float
    label: str


@dataclass(frozen=True)
class Figure:
    """A drawn figure: `svg` for pages, `alt` for those who cannot see it, `title` for the caption."""

    svg: str
    alt: str
    title: str

    def _repr_html_(self) -> str:
        caption = f"<figcaption>{escape(self.title)}</figcaption>" if self.title else ""
        return f'<figure class="chart"><div class="scroll">{self.svg}</div>{caption}</figure>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self._repr_html_(), "text/plain": self.alt}, {"text/html": {"alt": self.alt}}

    def save(self, run: Run, name: str) -> Evidence:
        """Write the figure into the run and return the evidence that points to it."""
        file = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "figure"
        write_atomic(run.folder("figures") / f"{file}.svg", standalone(self.svg))
        return Evidence(kind="figure", path=f"figures/{file}.svg", title=self.title, alt=self.alt)


def finish(drawn: Any, title: str, alt: str) -> Figure:
    """Turn a drawn matplotlib figure into a Figure."""
    return Figure(svg_text(drawn, title + alt, alt), alt, title)


def table(rows: Table, *columns: str) -> pandas.DataFrame:
    """Return rows as a DataFrame; raises StatisticError when it is empty or a column is missing."""
    import pandas as pd

    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    missing = [c for c in columns if c not in frame.columns]
    if missing or frame.empty:
        raise StatisticError(f"A figure was given {'no rows' if frame.empty else 'no column ' + missing[0]}",
                             f"columns: {', '.join(columns)}")  # fmt: skip
    return frame


def draw_target(axes: Any, target: TargetLine | None, axis: str = "y") -> None:
    """Draw the target as a labelled line across the axes."""
    if target is None:
        return
    line, at = (axes.axhline, {"y": target.value}) if axis == "y" else (axes.axvline, {"x": target.value})
    line(**at, color=RED, linewidth=1.2, linestyle=(0, (4, 2)))
    place = (0.995, target.value) if axis == "y" else (target.value, 0.02)
    transform = axes.get_yaxis_transform() if axis == "y" else axes.get_xaxis_transform()
    axes.annotate(target.label, place, xycoords=transform, color=RED, fontsize=8.5, textcoords="offset points",
                  xytext=(0, 3) if axis == "y" else (-4, 0), ha="right", va="bottom")  # fmt: skip


def log_ticks(axis: Any) -> None:
    """Label a logarithmic axis in plain numbers: 1, 2, 3, 5 of each decade, or the decades where there are over two.

    Call it after the data are drawn. Why not the library's own labels: within one decade it writes "3 x 10^2".
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if high <= 300 * low else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def legend_above(axes: Any, handles: list[Any] | None = None) -> None:
    """Put the legend in one line above the axes, where it can hide no data."""
    options = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "ncols": 4, "borderaxespad": 0.2, "handlelength": 2.6}
    axes.legend(handles=handles, **options) if handles else axes.legend(**options)


def captioned(
    drawn: Any, axes: Any, title: str, lead: str, said: Iterable[str], target: TargetLine | None = None
) -> Figure:  # fmt: skip
    """Finish a figure of labelled lines: the legend above, and in words `lead`, what was `said` of each, the target."""
    legend_above(axes)
    aim = f" Target: {target.label}." if target else ""
    return finish(drawn, title, f"{lead} {listing(said)}.{aim}")


def number(value: float) -> str:
    """Return a number with three significant digits for a sentence."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def listing(items: Iterable[str]) -> str:
    """Join words with commas."""
    return ", ".join(items)


def interval_bars(axes: Any, x: Any, group: pandas.DataFrame, column: str, style: Mapping[str, Any]) -> None:
    """Draw intervals from columns `low` and `high` where both are known."""
    if not {"low", "high"} <= set(group.columns):
        return
    known = group[group["low"].notna() & group["high"].notna()]
    if known.empty:
        return
    below = (known[column] - known["low"]).clip(lower=0)
    above = (known["high"] - known[column]).clip(lower=0)
    axes.errorbar(x.loc[known.index], known[column], yerr=[below, above], fmt="none", ecolor=style["color"],
                  elinewidth=1.1)  # fmt: skip
