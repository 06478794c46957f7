"""Memory over the window of an allocation profile: what the process held, and what the profiler saw of it."""

from __future__ import annotations

from dataclasses import replace

from perflab.report.figures.figure import Figure, Table, number, table
from perflab.report.figures.memory import memory


def allocation_timeline(snapshots: Table, title: str) -> Figure:
    """Draw resident memory and heap over time; `snapshots` has columns second, series, mb (10^6 bytes).

    The words add how fast each grew over the second half, which a start-up no longer bends.
    """
    frame = table(snapshots, "second", "series", "mb")
    drawn = memory(frame, title)
    said = []
    for name, group in frame.groupby("series", sort=False):
        late = group.sort_values("second").iloc[len(group) // 2 :]
        seconds = float(late["second"].iloc[-1] - late["second"].iloc[0])
        if seconds > 0:
            grown = float(late["mb"].iloc[-1] - late["mb"].iloc[0])
            said.append(f"{name} {'+' if grown >= 0 else ''}{number(grown)} MB in {number(seconds)} s")
    return replace(drawn, alt=f"{drawn.alt} Over the second half: {', '.join(said)}." if said else drawn.alt)
