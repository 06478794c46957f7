"""CPU and memory of each process over time."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, number, table
from perflab.report.style import canvas, series_style


def resources(samples: Table, title: str) -> Figure:
    """Draw CPU (percent of one core) above resident memory (MB), one line per process.

    `samples` has columns second, process, cpu_percent, rss_mb.
    """
    frame = table(samples, "second", "process", "cpu_percent", "rss_mb")
    said = []
    with canvas(4.4, rows=2, sharex=True) as (drawn, (above, below)):
        for position, (name, group) in enumerate(frame.groupby("process", sort=False)):
            group, style = group.sort_values("second"), series_style(position) | {"marker": ""}
            above.plot(group["second"], group["cpu_percent"], label=name, **style)
            below.plot(group["second"], group["rss_mb"], label=name, **style)
            said.append(f"{name} {number(group['cpu_percent'].mean())} % of a core on average, at most "
                        f"{number(group['rss_mb'].max())} MB")  # fmt: skip
        above.set(ylabel="CPU (% of one core)")
        below.set(ylabel="resident memory (MB)", xlabel="time (s)")
        for axes in (above, below):
            axes.set_ylim(bottom=0)
        legend_above(above)
        return finish(drawn, title, f"CPU and memory over time: {listing(said)}.")
