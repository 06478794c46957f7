"""Some quantities over one axis, a panel each, a line per series: loss against quality, link against latency."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, log_ticks, number, table
from perflab.report.style import canvas, series_style


def curves(points: Table, title: str, x_label: str, *, log_x: bool = False, log_y: bool = False) -> Figure:
    """Draw one panel per `panel` (its name is the y axis) and one line per `series`.

    `points` has columns panel, series, x and value; points without a value (NaN) are left out.
    """
    frame = table(points, "panel", "series", "x", "value").dropna(subset=["value"])
    panels, names = (list(dict.fromkeys(frame[column])) for column in ("panel", "series"))
    said = []
    with canvas(0.6 + 2.4 * len(panels), rows=len(panels), sharex=True, squeeze=False) as (drawn, grid):
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            for position, name in enumerate(names):
                group = frame[(frame["panel"] == panel) & (frame["series"] == name)].sort_values("x")
                if group.empty:
                    continue
                axes.plot(group["x"], group["value"], label=name, **series_style(position))
                ends = group.iloc[[0, -1]]
                said.append(f"{name}, {panel}: " + " to ".join(number(value) for value in ends["value"]))
            axes.set_ylabel(panel)
            if log_y:
                axes.set_yscale("log")
                log_ticks(axes.yaxis)
        grid[-1, 0].set_xlabel(x_label)
        if log_x:
            grid[-1, 0].set_xscale("log")
            log_ticks(grid[-1, 0].xaxis)
        legend_above(grid[0, 0])
        low, high = frame["x"].min(), frame["x"].max()
        return finish(drawn, title, f"From {number(low)} to {number(high)} ({x_label}): {listing(said)}.")
