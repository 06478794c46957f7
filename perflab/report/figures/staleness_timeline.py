"""How far behind answers are, look by look: a saw tooth where values expire, a flat line where writes are told."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, listing, number, table
from perflab.report.style import MUTED, canvas, series_style


def staleness_timeline(looks: Table, title: str, limit_ms: float | None = None) -> Figure:
    """Draw one lane for each setting over time.

    `looks` has columns setting, second and behind_ms (the age of the oldest write that the answer lacks, 0 when it
    lacks none); `limit_ms` is the longest that a setting promises, drawn as a line in every lane.
    """
    frame = table(looks, "setting", "second", "behind_ms")
    names = list(dict.fromkeys(frame["setting"]))
    top = 1.15 * max(float(frame["behind_ms"].max()), limit_ms or 0.0, 1.0)
    said = []
    with canvas(0.8 + 0.75 * len(names)) as (drawn, axes):
        ticks = []
        for position, name in enumerate(names):
            group, floor = frame[frame["setting"] == name].sort_values("second"), len(names) - 1 - position
            style = series_style(position) | {"marker": ""}
            axes.fill_between(group["second"], floor, floor + group["behind_ms"] / top, step="post", alpha=0.25,
                              color=style.get("color"), linewidth=0)  # fmt: skip
            axes.step(group["second"], floor + group["behind_ms"] / top, where="post", **style)
            if limit_ms:
                axes.axhline(floor + limit_ms / top, color=MUTED, linewidth=0.6, linestyle=(0, (3, 3)))
            worst = float(group["behind_ms"].max())
            ticks.append((floor + 0.3, f"{name}\nup to {number(worst)} ms"))
            said.append(f"{name} up to {number(worst)} ms behind")
        axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
        axes.set_ylim(0, len(names))
        axes.set(xlabel="time since the first write (s)")
        dashed = f" Dashed: {number(limit_ms)} ms, the time to live." if limit_ms else ""
        return finish(drawn, title, f"How far behind answers are over time: {listing(said)}.{dashed}")
