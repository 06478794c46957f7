"""The house style of figures: one palette for light and dark, small deterministic SVG, text that stays text.

matplotlib knows no CSS, so every colour of the palette is drawn as a fixed hexadecimal value and then replaced in the
SVG by a CSS variable with that value as its fallback: the page sets the variables for light, dark and print, and the
file on its own follows `prefers-color-scheme`. Hues differ in lightness as well, and series differ in dash and marker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

WIDTH_IN = 7.6
INK, GRID, MUTED = "#1b1f24", "#d9dde3", "#6b7280"
BLUE, ORANGE, GREEN, RED, VIOLET, SHADE = "#2b6cb0", "#c2570c", "#2f855a", "#b83232", "#7a5bb5", "#8aa4c8"
SERIES = (BLUE, ORANGE, GREEN, VIOLET, RED, MUTED)
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), "-")
MARKERS = ("o", "s", "^", "D", "v", "x")
VARIABLES = {
    INK: "ink",
    GRID: "grid",
    MUTED: "muted",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    RED: "red",
    VIOLET: "violet",
    SHADE: "shade",
}
DARK = {
    "ink": "#e6e8eb",
    "grid": "#3a414b",
    "muted": "#9aa4b2",
    "blue": "#6fa8e8",
    "orange": "#f0934e",
    "green": "#63c08f",
    "red": "#f07a7a",
    "violet": "#b39ae6",
    "shade": "#5d7699",
}
VARIANT_ORDER = ("baseline", "optimised")


def css_variables(dark: bool) -> str:
    """Return the declarations of the palette's CSS variables, for a page."""
    light = {name: colour for colour, name in VARIABLES.items()}
    return "".join(f"--fig-{name}:{colour};" for name, colour in (DARK if dark else light).items())


def series_style(position: int) -> dict[str, Any]:
    """Return colour, dash and marker of the series at a position: never told apart by colour alone."""
    index = position % len(SERIES)
    return {"color": SERIES[index], "linestyle": DASHES[index], "marker": MARKERS[index]}


def variants_in_order(names: Any) -> list[str]:
    """Return distinct names with the baseline first and the optimised variant second."""
    found = list(dict.fromkeys(str(name) for name in names))
    return sorted(found, key=lambda n: (VARIANT_ORDER.index(n) if n in VARIANT_ORDER else 9, found.index(n)))


@contextmanager
def canvas(height_in: float = 3.2, rows: int = 1, **subplots: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a matplotlib figure and its axes in the house style, and close the figure afterwards."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_settings()):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        FigureCanvasSVG(figure)  # no pyplot: no global state, no backend to choose
        axes = figure.subplots(rows, 1, **subplots)
        yield figure, axes


def _settings() -> dict[Any, Any]:
    """Return the settings of the house style."""
    return {
        "font.size": 9,
        "font.family": "sans-serif",
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "legend.fontsize": 8.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "lines.linewidth": 1.7,
        "lines.markersize": 4.5,
        "legend.frameon": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "svg.fonttype": "none",
        "path.simplify": True,
        "path.simplify_threshold": 0.5,
        "errorbar.capsize": 2.5,
    }


def svg_text(figure: Any, name: str, alt: str) -> str:
    """Return the figure as SVG: the same bytes for the same input, unique ids, named for screen readers."""
    import matplotlib

    buffer = StringIO()
    settings: dict[Any, Any] = {**_settings(), "svg.hashsalt": name}
    with matplotlib.rc_context(settings):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # never referenced, and equal in every figure of a page
    text = re.sub(r"<!--.*?-->\n?", "", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    text = re.sub(r"\n\s*", "\n", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--fig-{variable},{colour})")
    return _open_tag(text, alt)


def _open_tag(text: str, alt: str) -> str:
    """Replace the SVG's opening tag by one with a role, a name and a size that follows its container."""
    view = re.search(r'viewBox="([^"]+)"', text)
    start = text.index(">") + 1
    label = escape(alt, quote=True)
    box = view[1] if view else "0 0 547 230"
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg class="fig" {spaces} viewBox="{box}" width="100%" role="img" aria-label="{label}">{text[start:]}'


def standalone(svg: str) -> str:
    """Return the SVG as a file of its own that follows the reader's light or dark setting."""
    light, dark = css_variables(False), css_variables(True)
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}background:#15181c}}}}</style>"
    cut = svg.index(">") + 1
    return svg[:cut] + style + svg[cut:]
