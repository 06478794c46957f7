"""What each instrument costs the system that it watches."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, draw_target, finish, listing, table
from perflab.report.style import BLUE, INK, canvas


def overhead(costs: Table, title: str, quantity: str = "CPU per turn", limit: TargetLine | None = None) -> Figure:
    """Draw one bar per instrument.

    `costs` has columns instrument, value (percent above an unwatched run) and optionally low, high.
    """
    frame = table(costs, "instrument", "value").reset_index(drop=True)
    with canvas(1.0 + 0.38 * len(frame)) as (drawn, axes):
        axes.barh(frame.index, frame["value"], height=0.55, color=BLUE, linewidth=0)
        if {"low", "high"} <= set(frame.columns):
            spread = [(frame["value"] - frame["low"]).clip(lower=0), (frame["high"] - frame["value"]).clip(lower=0)]
            axes.errorbar(frame["value"], frame.index, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.1)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(frame.index, frame["instrument"])
        axes.invert_yaxis()
        draw_target(axes, limit, axis="x")
        axes.set_xlabel(f"{quantity}, change against an unwatched run (%)")
    said = listing(f"{r.instrument} {r.value:+.0f} %" for r in frame.itertuples())
    return finish(drawn, title, f"Overhead of instruments on {quantity}: {said}.")
