"""What is measured and what is the world around it: boxes by role, lines from who connects to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.report.figures.figure import Figure, finish
from perflab.report.style import BLUE, INK, MUTED, ORANGE, SHADE, canvas

COLUMNS = {"generator": 0, "system": 1, "standin": 2, "server": 2}
COLOURS = {"generator": MUTED, "system": BLUE, "standin": ORANGE, "server": INK}
WORDS = {"generator": "drives it", "system": "measured", "standin": "stand-in", "server": "real server"}
BOX = (0.22, 0.62)  # width and height in units of the drawing: one row is 1 high, the whole 1 wide
LEFT = (0.0, 0.39, 0.78)


def topology_figure(
    nodes: Sequence[tuple[str, str, bool]], edges: Sequence[tuple[str, str, str]], title: str, words: str
) -> Figure:
    """Draw one box for each node and a line for each connection.

    `nodes` are (name, role, optional): role is generator, system, standin or server, an optional one is dashed.
    `edges` are (from, to, label). `words` says the same for those who cannot see it.
    """
    columns: dict[int, list[tuple[str, str, bool]]] = {}
    for node in nodes:
        columns.setdefault(COLUMNS[node[1]], []).append(node)
    rows = max(len(column) for column in columns.values())
    with canvas(0.62 * rows + 0.3) as (drawn, axes):
        axes.set(xlim=(-0.01, 1.01), ylim=(rows - 0.5, -0.5))
        axes.axis("off")
        at = {}
        for column, members in columns.items():
            for i, (name, role, optional) in enumerate(members):
                y = (rows - len(members)) / 2 + i
                at[name] = (LEFT[column], y)
                _box(axes, (LEFT[column], y), name, role, optional)
        for source, to, label in _merged(edges):
            _line(axes, at[source], at[to], label)
    return finish(drawn, title, words)


def _merged(edges: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return one connection for each pair, its labels together."""
    labels: dict[tuple[str, str], list[str]] = {}
    for source, to, label in edges:
        labels.setdefault((source, to), []).append(label)
    return [(source, to, ", ".join(filter(None, names))) for (source, to), names in labels.items()]


def _box(axes: Any, at: tuple[float, float], name: str, role: str, optional: bool) -> None:
    from matplotlib.patches import Rectangle

    width, height = BOX
    dash = (0, (4, 2)) if optional else "-"
    axes.add_patch(Rectangle((at[0], at[1] - height / 2), width, height, fill=False, edgecolor=COLOURS[role],
                             linestyle=dash, linewidth=1.6))  # fmt: skip
    said = WORDS[role] + (", some variants" if optional else "")
    axes.annotate(name, (at[0] + width / 2, at[1] - 0.08), ha="center", va="center", fontsize=9)
    axes.annotate(said, (at[0] + width / 2, at[1] + 0.17), ha="center", va="center", fontsize=7.5, color=MUTED)


def _line(axes: Any, source: tuple[float, float], to: tuple[float, float], label: str) -> None:
    """Draw an arrow from the right of one box to the left of the other, or the other way round."""
    width = BOX[0]
    start, end = (source[0] + width, to[0]) if source[0] < to[0] else (source[0], to[0] + width)
    if source[0] == to[0]:
        start = end = source[0] + width / 2
    arrow = {"arrowstyle": "-|>", "color": SHADE, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 1}
    axes.annotate("", (end, to[1]), xytext=(start, source[1]), arrowprops=arrow)
    if label:
        axes.annotate(label, ((start + end) / 2, (source[1] + to[1]) / 2 - 0.12), ha="center", fontsize=8, color=INK)
