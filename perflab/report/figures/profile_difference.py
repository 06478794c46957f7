"""What changed in CPU per unit of work, function by function, as intervals beside zero."""

from __future__ import annotations

from perflab.report.figures.figure import Figure, Table, finish, listing, table
from perflab.report.style import GREEN, INK, MUTED, RED, canvas


def profile_difference(changes: Table, title: str, unit: str, most: int = 12) -> Figure:
    """Draw one interval per function: less to the left, more to the right, "no change shown" in grey.

    `changes` has columns function, state, difference_us, low_us, high_us (microseconds of CPU per `unit`), in the
    order wished; drawn in milliseconds when the largest amount is 1 ms or more.
    """
    frame = table(changes, "function", "state", "difference_us", "low_us", "high_us").head(most).reset_index(drop=True)
    large = float(frame["difference_us"].abs().max()) >= 1000
    factor, word = (1e-3, "ms") if large else (1.0, "us")
    with canvas(0.9 + 0.3 * len(frame)) as (drawn, axes):
        axes.axvline(0, color=INK, linewidth=0.9)
        for row in frame.itertuples():
            less = row.difference_us < 0
            colour = MUTED if row.state == "no change shown" else GREEN if less else RED
            marker = "o" if row.state == "no change shown" else "<" if less else ">"
            axes.plot([row.low_us * factor, row.high_us * factor], [row.Index] * 2, color=colour, linewidth=1.6)
            axes.plot(row.difference_us * factor, row.Index, color=colour, marker=marker, markersize=6)
            axes.annotate(f"{row.difference_us * factor:+.3g}  {row.state}", (1.01, row.Index), va="center", fontsize=8,
                          xycoords=axes.get_yaxis_transform(), annotation_clip=False)  # fmt: skip
        axes.set_yticks(range(len(frame)), [n if len(n) <= 40 else "..." + n[-37:] for n in frame["function"]])
        axes.invert_yaxis()
        axes.set_xlabel(f"difference of CPU per {unit} ({word}; left is less)")
    said = listing(
        f"{r.function} {r.difference_us * factor:+.3g} [{r.low_us * factor:+.3g}, {r.high_us * factor:+.3g}] {r.state}"
        for r in frame.itertuples()
    )
    return finish(drawn, title, f"Difference of CPU per {unit} in {word} with intervals that hold together: {said}.")
