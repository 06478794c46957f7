"""Many intervals of the same known truth, one line each: how many of them hold it."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, listing, table
from perflab.report.style import BLUE, INK, RED, canvas


def interval_lines(rows: Table, title: str, truth: float, unit: str = "ms", quantity: str = "p99") -> Figure:
    """Draw one panel per method and one vertical line per run; those that miss the truth are red and dashed.

    `rows` has columns method, run, value, low, high in `unit`; `truth` is the known value.
    """
    frame = table(rows, "method", "run", "value", "low", "high")
    methods, said = list(dict.fromkeys(frame["method"])), []
    with canvas(1.8 * len(methods) + 0.4, rows=len(methods), sharex=True, sharey=True, squeeze=False) as (drawn, grid):
        for axes, method in zip(grid[:, 0], methods, strict=True):
            group = frame[frame["method"] == method]
            held = (group["low"] <= truth) & (truth <= group["high"])
            for part, colour, dash in ((group[held], BLUE, "-"), (group[~held], RED, (0, (2, 1)))):
                axes.vlines(part["run"], part["low"], part["high"], color=colour, linestyle=dash, linewidth=1.8)
            axes.axhline(truth, color=INK, linewidth=1)
            words = f"{int(held.sum())} of {len(group)} hold the true {quantity}"
            axes.set_title(f"{method}: {words}", loc="left")
            axes.set(ylabel=f"{quantity} ({unit})")
            said.append(f"{method}, {words} of {truth:.3g} {unit}")
        grid[-1, 0].set_xlabel("run (line: 95 % interval; red: misses the truth)")
        return finish(drawn, title, f"Intervals of {quantity}: {listing(said)}.")
