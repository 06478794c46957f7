"""Codecs by bits and quality, and by bits and words lost, with the front of those that nothing beats."""

from __future__ import annotations

import math
from typing import Any

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, number, table
from perflab.report.style import BLUE, MUTED, canvas

LETTER, LINE = 0.0095, 0.046  # of a label: width of a letter and height, as shares of the axes


def codec_front(points: Table, title: str, quality: str) -> Figure:
    """Draw two panels over kbit/s, logarithmic: quality (higher is better), words wrong in percent (lower is better).

    `points` has columns label, kbit_s, quality, wrong and front (whether no other point has fewer bits and no less
    quality); `quality` names that axis. What lies on the front is filled and joined by a line.
    """
    frame = table(points, "label", "kbit_s", "quality", "wrong", "front").sort_values("kbit_s")
    with canvas(6.2, rows=2, sharex=True) as (drawn, (above, below)):
        for axes, column in ((above, "quality"), (below, "wrong")):
            best = frame[frame["front"]]
            if column == "quality":
                axes.step(
                    best["kbit_s"], best[column], where="post", color=MUTED, linewidth=0.8, zorder=0, label="front"
                )
            axes.plot(best["kbit_s"], best[column], "o", color=BLUE, label="nothing has fewer bits and more quality")
            rest = frame[~frame["front"]]
            axes.plot(rest["kbit_s"], rest[column], "o", color=MUTED, markerfacecolor="none", label="beaten")
        above.set_xscale("log")
        low, high = 0.85 * frame["kbit_s"].min(), 1.7 * frame["kbit_s"].max()
        marks = [mark for mark in (6, 8, 12, 16, 24, 32, 64, 128, 256) if low <= mark <= high]
        below.set_xticks(marks, [str(mark) for mark in marks])
        below.set_xticks([], minor=True)
        below.set_xlim(low, high)
        above.set_ylabel(quality)
        below.set(ylabel="words wrong (%)", xlabel="kbit/s, without the headers of a transport")
        below.set_ylim(bottom=min(0.0, -0.05 * float(frame["wrong"].max())))
        _names(above, frame, "quality", -1)
        _names(below, frame, "wrong", 1)  # upwards: below the points of nothing wrong there is the axis
        legend_above(above)
        said = listing(f"{r.label} {number(r.kbit_s)} kbit/s, {r.quality:.2f}, {r.wrong:.1f} % of words wrong"
                       for r in frame.itertuples())  # fmt: skip
        return finish(drawn, title, f"Codecs by bits, {quality} and words wrong: {said}.")


def _names(axes: Any, frame: Any, column: str, way: int) -> None:
    """Write each label to the right of its point, moved down (`way` -1) or up (1) until it covers no other."""
    low, high = axes.get_ylim()
    left, right = (math.log(edge) for edge in axes.get_xlim())
    placed: list[tuple[float, float, float]] = []  # left edge, right edge and height, as shares of the axes
    for row in frame.sort_values(["kbit_s", column], ascending=[True, way > 0]).itertuples():
        x, y = (math.log(row.kbit_s) - left) / (right - left), (float(getattr(row, column)) - low) / (high - low)
        wide, at = LETTER * len(row.label), y
        while any(x < end and begin < x + wide and abs(at - height) < LINE for begin, end, height in placed):
            at += way * LINE / 4
        placed.append((x, x + wide, at))
        axes.annotate(row.label, (x, at), xycoords="axes fraction", textcoords="offset points", xytext=(6, 3),
                      fontsize=7)  # fmt: skip
