"""How each figure moves as users are added, as a multiple of its value at the lowest load."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, captioned, interval_bars, table
from perflab.report.style import INK, canvas, series_style


def degradation(points: Table, title: str) -> Figure:
    """Draw one line per metric; `points` has columns users, metric, value (multiple of its value at the fewest users).

    Optional columns low and high give intervals of that multiple. A line at 1 is what perfect scaling would show.
    """
    frame = table(points, "users", "metric", "value")
    said = []
    with canvas(3.2) as (drawn, axes):
        axes.axhline(1, color=INK, linewidth=0.8)
        for position, (name, group) in enumerate(frame.groupby("metric", sort=False)):
            group, style = group.sort_values("users"), series_style(position)
            axes.plot(group["users"], group["value"], label=name, **style)
            interval_bars(axes, group["users"], group, "value", style)
            said.append(f"{name} x {group['value'].iloc[-1]:.2f} at {group['users'].iloc[-1]:g} users")
        axes.set(xlabel="users at once", ylabel=f"multiple of the value at {frame['users'].min():g} users")
        axes.set_ylim(bottom=0)
        return captioned(drawn, axes, title, "Change with load:", said)
