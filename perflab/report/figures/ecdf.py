"""The share of units at or below each latency, by variant: the whole distribution, not two numbers of it."""

from __future__ import annotations

import numpy as np

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, log_ticks, number, table
from perflab.report.style import canvas, series_style, variants_in_order

MOST_POINTS = 400  # per curve: a step of 0.25 % is finer than the line is thick


def ecdf(rows: Table, title: str, target: TargetLine | None = None, unit: str = "ms",
         quantity: str = "response time", log: bool = False) -> Figure:  # fmt: skip
    """Draw one empirical distribution per variant.

    `rows` has columns variant and value (in `unit`), one row per unit of work; every unit counts, failed ones excluded
    by the caller. Above 400 units a curve is drawn at 400 of its own order statistics, the extremes included.
    """
    frame = table(rows, "variant", "value")
    said = []
    with canvas() as (drawn, axes):
        for position, name in enumerate(variants_in_order(frame["variant"])):
            values = np.sort(frame.loc[frame["variant"] == name, "value"].to_numpy(dtype=float))
            keep = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).round().astype(int))
            style = series_style(position) | {"marker": ""}
            axes.step(
                values[keep],
                (keep + 1) / len(values) * 100,
                where="post",
                label=f"{name} (n = {len(values):,})",
                **style,
            )
            p50, p95 = np.quantile(values, [0.5, 0.95], method="inverted_cdf")
            said.append(f"{name}: p50 {number(p50)} {unit}, p95 {number(p95)} {unit}, n = {len(values):,}")
        if log:
            axes.set_xscale("log")
            log_ticks(axes.xaxis)
        draw_target(axes, target, axis="x")
        axes.axhline(95, color="#6b7280", linewidth=0.7, linestyle=(0, (1, 2)))
        axes.set(xlabel=f"{quantity} ({unit})", ylabel="share of units at or below (%)", ylim=(0, 101))
        return captioned(drawn, axes, title, f"Distribution of {quantity}.", said, target)
