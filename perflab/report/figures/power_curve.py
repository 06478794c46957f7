"""The chance of finding an effect by its size: what a machine can show, and with how many pairs."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, table
from perflab.report.style import INK, canvas, series_style


def power_curve(rows: Table, title: str, target: TargetLine | None = None) -> Figure:
    """Draw one curve per number of pairs, and measured points with their intervals.

    `rows` has columns pairs, effect (%), found (% of the comparisons), low, high, and kind (simulated, measured).
    """
    frame = table(rows, "pairs", "effect", "found", "low", "high", "kind")
    said = []
    with canvas(2.9) as (drawn, axes):
        for position, (pairs, group) in enumerate(frame[frame["kind"] == "simulated"].groupby("pairs")):
            axes.plot(group["effect"], group["found"], label=f"{pairs} pairs", **series_style(position))
            at = group.loc[group["found"] >= 80, "effect"]
            said.append(f"{pairs} pairs find {at.min():.2g} % four times in five" if len(at) else
                        f"{pairs} pairs find none of these four times in five")  # fmt: skip
        seen = frame[frame["kind"] == "measured"]
        for point in seen.itertuples():
            axes.plot([point.effect] * 2, [point.low, point.high], color=INK, linewidth=1.3)
            said.append(f"measured {point.found:.0f} % at {point.effect:.2g} %")
        if len(seen):
            axes.plot(seen["effect"], seen["found"], color=INK, marker="x", linestyle="", markersize=7,
                      label=f"measured, {seen['pairs'].iloc[0]} pairs")  # fmt: skip
        draw_target(axes, target)
        axes.set(xlabel="true effect (%)", ylabel="found (% of comparisons)", ylim=(0, 104))
        axes.set_xlim(left=0)
        return captioned(drawn, axes, title, "Chance of finding an effect:", said)
