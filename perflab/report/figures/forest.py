"""Ratios with their intervals below each other, and the band in which a difference is too small to matter."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, listing, table
from perflab.report.style import BLUE, GREEN, INK, MUTED, RED, SHADE, canvas

LOOK = {"better": (GREEN, "^"), "worse": (RED, "v"), "equivalent": (BLUE, "s"), "trivial": (BLUE, "D"),
        "inconclusive": (MUTED, "o"), "untrusted": (MUTED, "x")}  # fmt: skip


def forest(effects: Table, title: str, margin: float = 0.0, quantity: str = "CPU per turn") -> Figure:
    """Draw one ratio (variant / baseline) per row on a logarithmic axis.

    `effects` has columns label, value, low, high (ratios, above 0) and verdict; `margin` 0.05 shades 0.95..1.05, within
    which a difference counts as equivalent. Inconclusive rows are drawn like all others.
    """
    frame = table(effects, "label", "value", "low", "high", "verdict").reset_index(drop=True)
    with canvas(0.9 + 0.34 * len(frame)) as (drawn, axes):
        if margin:
            axes.axvspan(1 / (1 + margin), 1 + margin, color=SHADE, alpha=0.25, linewidth=0)
        axes.axvline(1, color=INK, linewidth=0.9)
        for row in frame.itertuples():
            colour, marker = LOOK.get(row.verdict, (MUTED, "o"))
            low = row.value if row.low != row.low else row.low  # NaN: that side has no bound
            high = row.value if row.high != row.high else row.high
            axes.plot([low, high], [row.Index] * 2, color=colour, linewidth=1.6)
            axes.plot(row.value, row.Index, color=colour, marker=marker, markersize=6)
            axes.annotate(f"{(row.value - 1) * 100:+.0f} %  {row.verdict}", (1.01, row.Index), va="center", fontsize=8,
                          xycoords=axes.get_yaxis_transform(), annotation_clip=False)  # fmt: skip
        axes.set_yticks(range(len(frame)), frame["label"])
        axes.invert_yaxis()
        axes.set_xscale("log")
        _plain_ticks(
            axes, float(frame[["value", "low"]].min().min()), float(frame[["value", "high"]].max().max()), margin
        )
        words = f"; shaded: within {margin * 100:.0f} %" if margin else ""
        axes.set_xlabel(f"{quantity}, ratio to the baseline (left is less{words})")
    said = listing(f"{r.label} {r.value:.2f} [{r.low:.2f}, {r.high:.2f}] {r.verdict}" for r in frame.itertuples())
    return finish(drawn, title, f"{quantity}, ratio to the baseline with 95 % intervals: {said}.")


def _plain_ticks(axes: object, low: float, high: float, margin: float) -> None:
    """Put ticks at familiar ratios, and leave room around the smallest and the largest."""
    low, high = min(low, 1 / (1 + margin)) * 0.93, max(high, 1 + margin) * 1.07
    marks = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50]
    if high / low > 3:
        marks = [m for m in marks if m not in (0.15, 0.7, 0.8, 0.9, 1.1, 1.2)]
    shown = [m for m in marks if low <= m <= high]
    axes.set_xlim(low, high)  # type: ignore[attr-defined]
    axes.set_xticks(shown, [f"{m:g}" for m in shown])  # type: ignore[attr-defined]
    axes.set_xticks([], minor=True)  # type: ignore[attr-defined]
