"""Hit ratio against the size of the cache, with the optimum above and Che's approximation beside LRU."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, TargetLine, captioned, draw_target, number, table
from perflab.report.style import INK, MUTED, canvas, series_style

OPTIMUM, APPROXIMATION = "Belady", "Che"


def hit_ratio_curve(points: Table, title: str, target: TargetLine | None = None) -> Figure:
    """Draw one line per policy over the logarithm of the size.

    `points` has columns policy, capacity (objects, above 0) and hit_ratio (0 to 1). The policy "Belady" is drawn as the
    bound that nothing passes, "Che" as crosses without a line; `target` is in percent.
    """
    frame = table(points, "policy", "capacity", "hit_ratio")
    said, position = [], 0
    with canvas(3.6) as (drawn, axes):
        for policy, group in frame.groupby("policy", sort=False):
            group = group.sort_values("capacity")
            percent = 100 * group["hit_ratio"]
            if policy == OPTIMUM:
                axes.plot(group["capacity"], percent, color=INK, linewidth=1.2, linestyle=(0, (1, 1)),
                          label="optimum (Belady)")  # fmt: skip
            elif policy == APPROXIMATION:
                axes.plot(group["capacity"], percent, color=MUTED, linestyle="none", marker="x", markersize=7,
                          label="Che (LRU, without a trace)")  # fmt: skip
            else:
                axes.plot(group["capacity"], percent, label=str(policy), **series_style(position))
                position += 1
            said.append(f"{policy} from {number(percent.iloc[0])} % at {group['capacity'].iloc[0]:,g} objects "
                        f"to {number(percent.iloc[-1])} % at {group['capacity'].iloc[-1]:,g}")  # fmt: skip
        axes.set_xscale("log")
        axes.set_ylim(0, 100)
        draw_target(axes, target)
        axes.set(xlabel="objects in the cache", ylabel="hit ratio (%)")
        return captioned(drawn, axes, title, "Hit ratio against the size of the cache:", said, target)
