"""How often identical arms are called different, by design and amount of data."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, table
from perflab.report.style import canvas, series_style


def false_alarms(rows: Table, title: str, quantity: str = "pairs", target: TargetLine | None = None) -> Figure:
    """Draw one curve per design, the wrong one first.

    `rows` has columns n (of `quantity`), design and share (% of comparisons of identical arms that claim a difference).
    """
    frame = table(rows, "n", "design", "share")
    said = []
    with canvas(2.9) as (drawn, axes):
        for position, name in enumerate(dict.fromkeys(frame["design"])):
            group, style = frame[frame["design"] == name], series_style(1 - position if position < 2 else position)
            marker = {"marker": ""} if len(group) > 20 else {}
            axes.plot(group["n"], group["share"], label=str(name), **(style | marker))
            first, last = group.iloc[0], group.iloc[-1]
            said.append(f"{name} {first['share']:.0f} % at {first['n']} and {last['share']:.0f} % at {last['n']}")
        draw_target(axes, target)
        axes.set(xlabel=quantity, ylabel="false alarms (% of comparisons)")
        axes.set_ylim(bottom=0)
        return captioned(drawn, axes, title, f"False alarms by number of {quantity}:", said)
