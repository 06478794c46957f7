"""Memory over time, with the budget that it must stay within."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, number, table
from perflab.report.style import canvas, series_style


def memory(series: Table, title: str, budget: TargetLine | None = None) -> Figure:
    """Draw one line per series; `series` has columns second, series (such as "resident" or "heap"), mb."""
    frame = table(series, "second", "series", "mb")
    said = []
    with canvas(2.8) as (drawn, axes):
        for position, (name, group) in enumerate(frame.groupby("series", sort=False)):
            group = group.sort_values("second")
            axes.plot(group["second"], group["mb"], label=name, **(series_style(position) | {"marker": ""}))
            said.append(f"{name} from {number(group['mb'].iloc[0])} to {number(group['mb'].iloc[-1])} MB, "
                        f"at most {number(group['mb'].max())}")  # fmt: skip
        draw_target(axes, budget)
        axes.set(xlabel="time (s)", ylabel="memory (MB)")
        axes.set_ylim(bottom=0)
        return captioned(drawn, axes, title, "Memory over time:", said)
