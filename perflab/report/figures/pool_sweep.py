"""The wait by pool size: median, p95 with its interval, and the worst, on a logarithmic axis."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, log_ticks, number, table
from perflab.report.style import BLUE, INK, RED, canvas


def pool_sweep(rows: Table, title: str) -> Figure:
    """Draw one column for each pool size.

    `rows` has columns pool (a number or "none"), p50 (ms), p95 (ms), p95 low, p95 high, worst (ms), in order of size.
    """
    frame = table(rows, "pool", "p50 (ms)", "p95 (ms)", "p95 low", "p95 high", "worst (ms)").reset_index(drop=True)
    with canvas(3.2) as (drawn, axes):
        axes.vlines(frame.index, frame["p95 low"], frame["p95 high"], color=BLUE, linewidth=1.8)
        axes.plot(frame.index, frame["p95 (ms)"], color=BLUE, marker="o", linestyle="none", label="p95, 95 % interval")
        axes.plot(
            frame.index, frame["p50 (ms)"], color=INK, marker="_", markersize=12, linestyle="none", label="median"
        )
        axes.plot(frame.index, frame["worst (ms)"], color=RED, marker="x", linestyle="none", label="worst")
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
        axes.set_xticks(frame.index, [str(size) for size in frame["pool"]])
        axes.set(xlabel="connections in the pool", ylabel="wait from when it was due (ms)")
        legend_above(axes)
    said = listing(f"pool {r['pool']}: p95 {number(r['p95 (ms)'])} ms" for _, r in frame.iterrows())
    return finish(drawn, title, f"The wait for an answer by pool size: {said}.")
