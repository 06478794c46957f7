"""Throughput against users with the fitted scaling law: where more users stop bringing more work."""

from __future__ import annotations

from perflab.report.figures.figure import (
    Figure,
    Table,
    TargetLine,
    captioned,
    draw_target,
    interval_bars,
    number,
    table,
)
from perflab.report.style import MUTED, SHADE, canvas, series_style, variants_in_order


def throughput_curve(points: Table, title: str, band: Table | None = None, target: TargetLine | None = None,
                     knee: float | None = None, unit: str = "turns/s", law: str = "scaling law") -> Figure:  # fmt: skip
    """Draw measured throughput per variant and the band of a fitted law.

    `points` has columns users, value (in `unit`), and optionally low, high and variant. `band` has columns users, fit,
    low, high, drawn only where the caller gives points: a law fitted inside the measured range is not drawn outside it.
    """
    frame = table(points, "users", "value")
    if "variant" not in frame.columns:
        frame = frame.assign(variant="measured")
    said = []
    with canvas(3.2) as (drawn, axes):
        if band is not None:
            law_frame = table(band, "users", "fit", "low", "high").sort_values("users")
            axes.fill_between(
                law_frame["users"], law_frame["low"], law_frame["high"], color=SHADE, alpha=0.3, linewidth=0
            )
            axes.plot(law_frame["users"], law_frame["fit"], color=MUTED, linewidth=1.2, label=f"{law}, 95 % band")
        for position, name in enumerate(variants_in_order(frame["variant"])):
            group, style = frame[frame["variant"] == name].sort_values("users"), series_style(position)
            axes.plot(
                group["users"], group["value"], label=name, **(style | {"linestyle": "" if band is not None else "-"})
            )
            interval_bars(axes, group["users"], group, "value", style)
            top = group.loc[group["value"].idxmax()]
            said.append(f"{name} at most {number(top['value'])} {unit} at {top['users']:g} users")
        if knee is not None:
            axes.axvline(knee, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)))
            axes.annotate(f"knee {knee:.0f} users", (knee, 0.04), xycoords=axes.get_xaxis_transform(), xytext=(4, 0),
                          textcoords="offset points", fontsize=8.5)  # fmt: skip
            said.append(f"knee at {knee:.0f} users")
        draw_target(axes, target)
        axes.set(xlabel="users at once", ylabel=f"throughput ({unit})")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        return captioned(drawn, axes, title, "Throughput against users:", said)
