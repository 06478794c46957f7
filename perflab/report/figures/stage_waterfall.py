"""One unit of work from left to right: what each stage takes at the median and at the 95th percentile."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, number, table
from perflab.report.style import BLUE, INK, MUTED, SHADE, canvas


def stage_waterfall(stages: Table, title: str, unit: str = "ms", measured: str = "system") -> Figure:
    """Draw the stages below each other, each beginning where the median of the one before ended.

    `stages` has columns stage, owner, p50, p95 (in `unit`), in the order of time, and optionally inside (the stage
    that contains this one, so that it is not counted twice). Stages whose owner is `measured` are highlighted; the
    others are the world's, or both's ("shared"). The medians of stages do not add up to the median of the whole; the
    offsets only show the order.
    """
    frame = table(stages, "stage", "owner", "p50", "p95").reset_index(drop=True)
    inside = frame["inside"].fillna("") if "inside" in frame.columns else frame["stage"].map(lambda _: "")
    starts: dict[str, float] = {}
    at = 0.0
    with canvas(0.9 + 0.36 * len(frame)) as (drawn, axes):
        for row, within in zip(frame.itertuples(), inside, strict=True):
            begin = starts.get(within, at)
            starts[row.stage] = begin
            own = row.owner == measured
            axes.barh(
                row.Index, row.p95, left=begin, height=0.62, color=BLUE if own else SHADE, alpha=0.35, linewidth=0
            )
            axes.barh(
                row.Index,
                row.p50,
                left=begin,
                height=0.62,
                color=BLUE if own else MUTED,
                linewidth=0,
                hatch="" if own else "///",
                edgecolor=SHADE,
            )
            axes.annotate(
                f"{number(row.p50)} | {number(row.p95)}",
                (begin + max(row.p95, row.p50), row.Index),
                va="center",
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=8,
                color=INK,
            )
            at = at if within else begin + row.p50
        axes.set_yticks(
            range(len(frame)), [("    " if w else "") + s for s, w in zip(frame["stage"], inside, strict=True)]
        )
        axes.invert_yaxis()
        axes.set_xlabel(f"time since the unit was due ({unit}); numbers are p50 | p95")
        axes.margins(x=0.14)
        axes.set_xlim(left=0)
        legend_above(axes, _legend(measured, "shared" in set(frame["owner"])))
    said = listing(f"{r.stage} {number(r.p50)} and {number(r.p95)} {unit}" for r in frame.itertuples())
    return finish(drawn, title, f"Stages of one unit of work, p50 and p95: {said}.")


def _legend(measured: str, shared: bool) -> list[object]:
    """Return what the colours and hatches mean."""
    from matplotlib.patches import Patch

    return [
        Patch(color=BLUE, label=f"the {measured}: p50"),
        Patch(color=BLUE, alpha=0.35, label="up to p95"),
        Patch(
            facecolor=MUTED, hatch="///", edgecolor=SHADE, label=f"the world around it{', or both' if shared else ''}"
        ),
    ]
