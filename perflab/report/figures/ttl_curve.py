"""What a time to live hits over the staleness that it allows: two panels over one logarithmic axis."""

from __future__ import annotations

from typing import Any

from perflab.report.figures.figure import (
    Figure,
    Table,
    TargetLine,
    draw_target,
    finish,
    legend_above,
    listing,
    number,
    table,
)
from perflab.report.style import INK, MUTED, canvas, series_style


def ttl_curve(
    points: Table,
    title: str,
    untimed: float,
    knee_s: float | None = None,
    full_s: float | None = None,
    target: TargetLine | None = None,
) -> Figure:
    """Draw hits and current hits in percent of the requests above, stale hits in percent of the hits below.

    `points` has columns ttl_s (s, above 0), hits, formula, current, stale, stale_formula (all 0 to 1). Lines are
    simulated, crosses the formulas. `untimed`: the hit ratio without a time to live (0 to 1), a line across; `knee_s`
    and `full_s`: where it is nearly reached, and where the cache is full, dashed lines down; `target` in percent.
    """
    frame = table(points, "ttl_s", "hits", "formula", "current", "stale", "stale_formula").sort_values("ttl_s")
    x = frame["ttl_s"]
    with canvas(5.4, rows=2, sharex=True, height_ratios=(3, 2)) as (drawn, (above, below)):
        above.axhline(100 * untimed, color=INK, linewidth=1.1, linestyle=(0, (1, 1)), label="no time to live")
        above.plot(x, 100 * frame["hits"], label="hits", **series_style(0))
        above.plot(x, 100 * frame["current"], label="current hits", **series_style(1))
        below.plot(x, 100 * frame["stale"], **series_style(4))
        for axes, column in ((above, "formula"), (below, "stale_formula")):
            axes.plot(x, 100 * frame[column], color=MUTED, linestyle="none", marker="x", markersize=7,
                      label="formula, cache not full")  # fmt: skip
            _down(axes, knee_s, INK)
        above.set_ylim(0, 100)
        below.set_ylim(bottom=0)
        draw_target(above, target)
        above.set(ylabel="of the requests (%)")
        below.set(xlabel="time to live (s)", ylabel="stale, of the hits (%)")
        below.set_xscale("log")
        below.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        _down(above, full_s, MUTED)
        _name(above, full_s, "cache full", 0.03)
        _name(below, knee_s, "within a point", 0.88)
        legend_above(above)
        return finish(drawn, title, _alt(frame, untimed, knee_s, full_s, target))


def _down(axes: Any, at: float | None, color: str) -> None:
    if at is not None:
        axes.axvline(at, color=color, linewidth=0.9, linestyle=(0, (3, 3)))


def _name(axes: Any, at: float | None, text: str, height: float) -> None:
    """Write at the left of a line what it stands for, at a height of 0 to 1 where no curve runs."""
    if at is not None:
        axes.annotate(f"{text}: {number(at)} s", (at, height), xycoords=axes.get_xaxis_transform(), fontsize=8.5,
                      textcoords="offset points", xytext=(-4, 0), ha="right", va="bottom")  # fmt: skip


def _alt(frame: Any, untimed: float, knee_s: float | None, full_s: float | None, target: TargetLine | None) -> str:
    ends = frame.iloc[[0, -1]]
    said = [f"{name} from {number(100 * ends[column].iloc[0])} to {number(100 * ends[column].iloc[-1])} %"
            for name, column in (("hits", "hits"), ("current hits", "current"), ("hits by the formula", "formula"),
                                 ("stale of the hits", "stale"),
                                 ("stale by the formula", "stale_formula"))]  # fmt: skip
    low, high = (number(value) for value in ends["ttl_s"])
    knee = f" Within a point of that at {number(knee_s)} s." if knee_s is not None else ""
    full = f" Unexpired objects fill the cache from {number(full_s)} s on." if full_s is not None else ""
    aim = f" Target: {target.label}." if target else ""
    return (
        f"Times to live from {low} to {high} s: {listing(said)}. Without a time to live {number(100 * untimed)} % of "
        f"the requests hit.{knee}{full}{aim}"
    )
