"""How many times less CPU each kernel takes than its peer, with what was asked of it."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, listing, number, table
from perflab.report.style import BLUE, INK, RED, canvas

MARKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def kernel_ratios(ratios: Table, title: str) -> Figure:
    """Draw one ratio (peer's CPU time / ours) per row on a logarithmic axis, its interval, and the bar as a red tick.

    `ratios` has columns label, value, low, high (above 0; NaN or None where a side has no bound) and limit.
    """
    frame = table(ratios, "label", "value", "low", "high", "limit").reset_index(drop=True)
    frame["low"] = frame["low"].astype(float).fillna(frame["value"])
    frame["high"] = frame["high"].astype(float).fillna(frame["value"])
    with canvas(1.0 + 0.36 * len(frame)) as (drawn, axes):
        axes.axvline(1, color=INK, linewidth=0.9)
        axes.hlines(frame.index, frame["low"], frame["high"], color=BLUE, linewidth=1.8)
        axes.plot(frame["value"], frame.index, color=BLUE, marker="o", linestyle="none", label="seen, 95 % interval")
        axes.plot(frame["limit"], frame.index, color=RED, marker="|", markersize=13, markeredgewidth=1.8,
                  linestyle="none", label="asked: at least")  # fmt: skip
        for row in frame.itertuples():
            axes.annotate(f"{number(row.value)}x", (1.01, row.Index), va="center", fontsize=8,
                          xycoords=axes.get_yaxis_transform(), annotation_clip=False)  # fmt: skip
        axes.set_yticks(frame.index, [_broken(label) for label in frame["label"]], fontsize=7.5)
        axes.set_ylim(len(frame) - 0.5, -0.5)
        axes.set_xscale("log")
        low = min(0.9, float(frame[["low", "limit"]].min().min()) * 0.9)
        high = float(frame[["high", "limit"]].max().max()) * 1.15
        axes.set_xlim(low, high)
        shown = [mark for mark in MARKS if low <= mark <= high]
        axes.set_xticks(shown, [f"{mark:g}" for mark in shown])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("peer's CPU time over ours (right is better for ours)")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    said = listing(
        f"{r.label} {r.value:.1f} [{r.low:.1f}, {r.high:.1f}], asked {r.limit:g}" for r in frame.itertuples()
    )
    return finish(drawn, title, f"Peers' CPU time over that of the kernels, with 95 % intervals: {said}.")


def _broken(label: str, width: int = 44) -> str:
    """Break a long label once, at a space near its middle."""
    if len(label) <= width:
        return label
    spaces = [at for at, letter in enumerate(label) if letter == " "]
    cut = min(spaces, key=lambda at: abs(at - len(label) / 2), default=len(label))
    return f"{label[:cut]}\n{label[cut + 1 :]}"
