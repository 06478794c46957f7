"""Flags adopted one after the other: what the system costs after each step, against what single effects promised."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, table
from perflab.report.style import BLUE, GREEN, INK, MUTED, ORANGE, RED, SHADE, canvas


def adoption(steps: Table, title: str, quantity: str = "CPU per turn") -> Figure:
    """Draw a cumulative waterfall: each bar runs from the ratio before a step to the ratio after it.

    `steps` has columns label, value, low, high (the set so far / baseline, with its interval) and expected (the
    product of what each flag does alone), in the order of adoption. A diamond left of the bar's end: the flags overlap.
    """
    frame = table(steps, "label", "value", "low", "high", "expected").reset_index(drop=True)
    with canvas(1.25 + 0.36 * (len(frame) + 1)) as (drawn, axes):
        axes.barh(0, 1.0, height=0.6, color=SHADE, linewidth=0)
        before = 1.0
        for row in frame.itertuples():
            at = row.Index + 1
            left, width = min(before, row.value), abs(row.value - before)
            colour = GREEN if row.value <= before else RED
            axes.barh(at, width, left=left, height=0.6, color=colour, alpha=0.55, linewidth=0)
            axes.plot([before, before], [at - 1.3, at + 0.3], color=MUTED, linewidth=0.7)
            axes.plot([row.low, row.high], [at, at], color=INK, linewidth=1.5)
            axes.plot(row.value, at, color=BLUE, marker="o", markersize=5)
            axes.plot(row.expected, at, color=ORANGE, marker="D", markersize=5, markerfacecolor="none", linestyle="")
            axes.annotate(f"{(row.value - 1) * 100:+.0f} %", (1.01, at), va="center", fontsize=8,
                          xycoords=axes.get_yaxis_transform(), annotation_clip=False)  # fmt: skip
            before = row.value
        axes.set_yticks(range(len(frame) + 1), ["baseline", *(f"+ {label}" for label in frame["label"])])
        axes.invert_yaxis()
        axes.set_xlim(0, max(1.0, float(frame[["value", "high", "expected"]].max().max())) * 1.04)
        axes.set_xlabel(f"{quantity}, ratio to the baseline, all flags so far (left is less)")
        legend_above(axes, _legend())
    said = listing(
        f"with {r.label} {r.value:.2f} [{r.low:.2f}, {r.high:.2f}], expected {r.expected:.2f}"
        for r in frame.itertuples()
    )
    return finish(drawn, title, f"{quantity} after each flag in the order of adoption, ratio to the baseline: {said}.")


def _legend() -> list[object]:
    """Return what the marks mean."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, marker="o", linestyle="-", label="measured, 95 % interval"),
        Line2D(
            [], [], color=ORANGE, marker="D", markerfacecolor="none", linestyle="", label="product of single effects"
        ),
    ]
