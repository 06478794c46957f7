"""A figure second by second, with the scenario's users shaded behind it and the moment of recovery marked."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, number, table
from perflab.report.style import GREEN, MUTED, SHADE, canvas, series_style, variants_in_order


def time_series(
    series: Table,
    title: str,
    users: Table | None = None,
    target: TargetLine | None = None,
    recovered_s: float | None = None,
    unit: str = "ms",
    quantity: str = "response p95",
) -> Figure:
    """Draw `quantity` per second and variant.

    `series` has columns second, value (in `unit`) and optionally variant; `users` has columns second, users and is
    drawn as a shaded step on an axis of its own. `recovered_s` is the second at which the figure is back where it was.
    """
    frame = table(series, "second", "value")
    if "variant" not in frame.columns:
        frame = frame.assign(variant=quantity)
    said = []
    with canvas(3.2) as (drawn, axes):
        if users is not None:
            _shade_users(axes, table(users, "second", "users").sort_values("second"))
        for position, name in enumerate(variants_in_order(frame["variant"])):
            group, style = frame[frame["variant"] == name].sort_values("second"), series_style(position)
            axes.plot(group["second"], group["value"], label=name, **(style | {"markersize": 2.5}))
            said.append(f"{name} between {number(group['value'].min())} and {number(group['value'].max())} {unit}")
        if recovered_s is not None:
            axes.axvline(recovered_s, color=GREEN, linewidth=1.3)
            axes.annotate(
                f"recovered at {recovered_s:.1f} s",
                (recovered_s, 0.04),
                xycoords=axes.get_xaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=8.5,
                color=GREEN,
            )
            said.append(f"recovered at {recovered_s:.1f} s")
        draw_target(axes, target)
        axes.set(xlabel="time (s)", ylabel=f"{quantity} ({unit})")
        axes.set_ylim(bottom=0)
        return captioned(drawn, axes, title, f"{quantity} over time:", said)


def _shade_users(axes: object, frame: object) -> None:
    """Draw the number of users behind the series."""
    behind = axes.twinx()  # type: ignore[attr-defined]
    behind.fill_between(frame["second"], frame["users"], step="post", color=SHADE, alpha=0.25, linewidth=0)  # type: ignore[index]
    behind.set_ylabel("users (shaded)", color=MUTED)
    behind.set_ylim(bottom=0)
    behind.grid(False)
    behind.spines["right"].set_visible(True)
    axes.set_zorder(behind.get_zorder() + 1)  # type: ignore[attr-defined]
    axes.patch.set_visible(False)  # type: ignore[attr-defined]
