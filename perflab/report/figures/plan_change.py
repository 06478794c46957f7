"""Query plans before and after below each other: how long the query took under each, and what the plan was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.report.figures.figure import Figure, Table, finish, listing, number, table
from perflab.report.style import BLUE, INK, MUTED, ORANGE, canvas

LONGEST = 110  # characters of a plan beside its query: the whole one stands in the text alternative


def plan_change(queries: Table, title: str) -> Figure:
    """Draw the median time of each query on a logarithmic axis, before and after, joined by a line.

    `queries` has columns label, before and after (ms, above 0), plan before and plan after. A query whose plan stayed
    the same is drawn in grey: what it gained, if anything, is not the plan's.
    """
    rows = table(queries, "label", "before", "after", "plan before", "plan after").to_dict("records")
    with canvas(0.8 + 0.68 * len(rows)) as (drawn, axes):
        for at, row in enumerate(rows):
            _draw(axes, at, row)
        axes.set_yticks([])
        axes.set_ylim(len(rows) - 0.35, -0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("median time of the query (ms): square before, circle after; grey: the plan is the same")
    return finish(drawn, title, f"Query plans before and after with the median time: {listing(map(_said, rows))}.")


def _draw(axes: Any, at: int, row: Mapping[str, Any]) -> None:
    """Draw the two times of one query, its name above them and its plans below."""
    same = row["plan before"] == row["plan after"]
    first, second = (MUTED, MUTED) if same else (ORANGE, BLUE)
    axes.plot([row["before"], row["after"]], [at, at], color=MUTED, linewidth=1.4)
    axes.plot(row["before"], at, color=first, marker="s", markersize=6)
    axes.plot(row["after"], at, color=second, marker="o", markersize=6)
    told = _cut(row["plan before"]) + ("" if same else f"\n→ {_cut(row['plan after'])}")
    for text, up, size, side in ((row["label"], 6, 8.5, "bottom"), (told, -6, 7, "top")):
        written = axes.annotate(text, (0.005, at), xycoords=axes.get_yaxis_transform(), xytext=(0, up), va=side,
                                textcoords="offset points", fontsize=size, color=INK)  # fmt: skip
        written.set_in_layout(False)  # a long plan must not squeeze the axis


def _said(row: Mapping[str, Any]) -> str:
    before, after = (f"{number(row[side])} ms by {row[f'plan {side}']}" for side in ("before", "after"))
    return f"{row['label']} {before}, then {after}"


def _cut(plan: str) -> str:
    words = " ".join(plan.split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
