"""Where the time and memory go, as each instrument sees it: one group of bars per place."""

from __future__ import annotations

from typing import Any

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, table
from perflab.report.style import INK, SERIES, canvas

HATCHES = ("", "///", "\\\\\\", "--", "||")


def ranking(shares: Table, title: str, most: int = 10) -> Figure:
    """Draw the share that each instrument gives to each place, largest first.

    `shares` has columns where, instrument, share (percent) and optionally low, high: the 95 % sampling interval.
    Places beyond the first `most` are left to the table.
    """
    frame = table(shares, "where", "instrument", "share")
    order = list(frame.groupby("where")["share"].max().sort_values(ascending=False).index[:most])
    instruments = list(dict.fromkeys(frame["instrument"]))
    width = 0.8 / len(instruments)
    with canvas(0.9 + 0.15 * len(order) * (len(instruments) + 0.6)) as (drawn, axes):
        for position, name in enumerate(instruments):
            rows = frame[frame["instrument"] == name].set_index("where")
            mine = rows["share"]
            at = [i + (position - (len(instruments) - 1) / 2) * width for i in range(len(order))]
            axes.barh(
                at,
                [float(mine.get(w, 0)) for w in order],
                height=width * 0.92,
                label=name,
                linewidth=0.4,
                color=SERIES[position % len(SERIES)],
                hatch=HATCHES[position % 5],
                edgecolor="#d9dde3",
            )
            _intervals(axes, rows, order, at)
        axes.set_yticks(range(len(order)), [w if len(w) <= 44 else "..." + w[-41:] for w in order])
        axes.invert_yaxis()
        axes.set_xlabel("share (%)")
        legend_above(axes)
    top = frame.set_index("where").loc[[order[0]]]
    said = listing(f"{r.instrument} {r.share:.0f} %" for r in top.itertuples())
    return finish(drawn, title, f"Shares by place and instrument; first of {len(order)}: {order[0]} ({said}).")


def _intervals(axes: Any, rows: Any, order: list[str], at: list[float]) -> None:
    """Draw the sampling interval of each bar that has one."""
    if not {"low", "high"} <= set(rows.columns):
        return
    for y, where in zip(at, order, strict=True):
        if where in rows.index:
            axes.plot([rows.loc[where, "low"], rows.loc[where, "high"]], [y, y], color=INK, linewidth=0.9)
