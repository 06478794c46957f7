"""Whether the instruments agree: the share that each gives to each place, with intervals and ranks."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, legend_above, listing, table
from perflab.report.style import GRID, SERIES, canvas, series_style


def agreement(ranks: Table, title: str, pairs: Table = ()) -> Figure:
    """Draw one row per place: each voting instrument's share as a point with its 95 % sampling interval.

    `ranks` has columns where, instrument, share, low, high (percent), rank, rank low, rank high; the rank and its
    interval stand beside the point. `pairs` (columns pair, overlap, k, tau, rbo, keys) goes into the words.
    """
    frame = table(ranks, "where", "instrument", "share", "low", "high", "rank", "rank low", "rank high")
    places = list(dict.fromkeys(frame["where"]))
    instruments = list(dict.fromkeys(frame["instrument"]))
    with canvas(1.1 + 0.2 * len(places) * (len(instruments) + 0.5)) as (drawn, axes):
        for position, name in enumerate(instruments):
            mine = frame[frame["instrument"] == name]
            at = [places.index(w) + (position - (len(instruments) - 1) / 2) * 0.3 for w in mine["where"]]
            spread = [mine["share"] - mine["low"], mine["high"] - mine["share"]]
            style = series_style(position)
            axes.errorbar(mine["share"], at, xerr=[s.clip(lower=0) for s in spread], label=name, fmt=style["marker"],
                          color=SERIES[position % len(SERIES)], elinewidth=1.2)  # fmt: skip
            for y, row in zip(at, mine.to_dict("records"), strict=True):
                axes.annotate(_rank(row), (row["high"], y), xytext=(6, 0), textcoords="offset points", fontsize=7.5,
                              va="center")  # fmt: skip
        for edge in range(1, len(places)):
            axes.axhline(edge - 0.5, color=GRID, linewidth=0.6)
        axes.set_yticks(range(len(places)), [w if len(w) <= 44 else "..." + w[-41:] for w in places])
        axes.invert_yaxis()
        axes.set_xlim(left=0, right=float(frame["high"].max()) * 1.18 + 1)
        axes.set_xlabel("share of CPU (%) with its 95 % sampling interval; # rank [interval]")
        legend_above(axes)
    first = frame[frame["where"] == places[0]].to_dict("records")
    said = listing(f"{r['instrument']} {r['share']:.0f} % (rank {r['rank']})" for r in first)
    return finish(
        drawn, title, f"Agreement of instruments on {len(places)} places; {places[0]}: {said}.{_pairs(pairs)}"
    )


def _rank(row: dict[str, float]) -> str:
    sure = row["rank low"] == row["rank high"]
    return f"#{row['rank']:.0f}" if sure else f"#{row['rank']:.0f} [{row['rank low']:.0f}, {row['rank high']:.0f}]"


def _pairs(pairs: Table) -> str:
    return "".join(
        f" {p['pair']}: {100 * p['overlap']:.0f} % of the first {p['k']} shared, rank-biased overlap "
        f"{_figure(p['rbo'])}, tau-b {_figure(p['tau'])}."
        for p in pairs
    )


def _figure(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"
