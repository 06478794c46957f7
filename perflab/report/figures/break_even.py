"""What a choice gains over a rate, and where the gain turns into a loss: one line each, the crossings printed."""

from __future__ import annotations

from typing import Any

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, number, table
from perflab.report.style import INK, canvas, series_style


def break_even(
    points: Table,
    title: str,
    x_label: str,
    y_label: str,
    unit: str = "",
    linear_within: float = 0.1,
    side: str = "below",
) -> Figure:
    """Draw one line per series over the logarithm of x, mark where it crosses zero, and name that x in the legend.

    `points` has columns series, x (above 0), gain and crossing (the x of gain zero; 0 or less: there is none, and the
    gains drawn tell whether it is one everywhere or never). `unit` stands behind the crossings, `side` (below, above)
    says where it gains; gains are drawn on a symmetric logarithmic axis, linear within +-`linear_within`.
    """
    frame = table(points, "series", "x", "gain", "crossing")
    said = []
    with canvas(3.6) as (drawn, axes):
        axes.axhline(0, color=INK, linewidth=0.9)
        low, high = frame["x"].min(), frame["x"].max()
        for position, (name, group) in enumerate(frame.groupby("series", sort=False)):
            group, style = group.sort_values("x"), series_style(position)
            style = {key: value for key, value in style.items() if key not in ("marker", "markersize")}
            crossing = float(group["crossing"].iloc[0])
            whole = _over_all(group["gain"], crossing)
            label = f"{name}: {whole or number(crossing)}"
            axes.plot(group["x"], group["gain"], label=label, **style)
            if low <= crossing <= high:
                axes.plot(crossing, 0, marker="o", markersize=6, color=style["color"], linestyle="none")
            said.append(f"{name} {whole}" if whole else f"{name} gains {side} {number(crossing)} {unit}".rstrip())
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=linear_within)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.set(xlabel=x_label, ylabel=y_label)
        legend_above(axes)
        return finish(drawn, title, f"{y_label} over {x_label}, zero crossed once: {listing(said)}.")


def _over_all(gains: Any, crossing: float) -> str:
    """Return what holds over the range drawn, "" where it turns at a known point, inside the range or beyond it."""
    if crossing > 0:
        return ""
    return "everywhere" if (gains > 0).all() else "in part" if (gains > 0).any() else "never"
