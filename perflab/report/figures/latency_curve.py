"""Percentiles of latency against the number of users, with intervals, the target and the knee."""

from __future__ import annotations

from perflab.report.figures.figure import (
    Figure,
    Table,
    TargetLine,
    captioned,
    draw_target,
    interval_bars,
    log_ticks,
    number,
    table,
)
from perflab.report.style import MUTED, canvas, series_style


def latency_curve(
    points: Table,
    title: str,
    target: TargetLine | None = None,
    knee: float | None = None,
    unit: str = "ms",
    quantity: str = "response time",
    log: bool = False,
) -> Figure:
    """Draw one line per percentile, or per variant and percentile.

    `points` has columns users, percentile (text such as "p95"), value, and optionally low, high and variant.
    `knee` is the number of users where the system bends, marked by a vertical line.
    """
    frame = table(points, "users", "percentile", "value")
    keys = ["variant", "percentile"] if "variant" in frame.columns else ["percentile"]
    said = []
    with canvas(3.4) as (drawn, axes):
        for position, (key, group) in enumerate(frame.groupby(keys, sort=False)):
            group, style = group.sort_values("users"), series_style(position)
            axes.plot(group["users"], group["value"], label=" ".join(map(str, key)), **style)
            interval_bars(axes, group["users"], group, "value", style)
            first, last = group.iloc[0], group.iloc[-1]
            said.append(
                f"{' '.join(map(str, key))} from {number(first['value'])} {unit} at {first['users']:g} users "
                f"to {number(last['value'])} {unit} at {last['users']:g}"
            )
        if knee is not None:
            axes.axvline(knee, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)))
            axes.annotate(
                f"knee {knee:.0f} users",
                (knee, 0.97),
                xycoords=axes.get_xaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
            )
            said.append(f"knee at {knee:.0f} users")
        if log:
            axes.set_yscale("log")
            log_ticks(axes.yaxis)
        else:
            axes.set_ylim(bottom=0)
        draw_target(axes, target)
        axes.set(xlabel="users at once", ylabel=f"{quantity} ({unit})")
        return captioned(drawn, axes, title, f"{quantity.capitalize()} against users:", said, target)
