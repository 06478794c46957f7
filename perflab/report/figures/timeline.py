"""One figure of all runs over time, with its intervals, the levels between change points, and what is suspicious."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.report.figures.figure import Figure, Table, finish, interval_bars, number, table
from perflab.report.style import BLUE, MUTED, ORANGE, RED, canvas

MOST_LABELS = 9


def timeline(
    points: Table, title: str, unit: str, changes: Sequence[tuple[int, float, float]] = (), suspect: int | None = None,
    files: Sequence[int] = (),
) -> Figure:  # fmt: skip
    """Draw runs side by side in order of time (equally spaced: runs, not days, carry the information).

    `points` has columns label (date and commit), value, and optionally low, high; `changes` are (index of the first
    run of the new level, median before, median after); `suspect` is the index from which the last runs stand apart;
    `files` are the indices of runs before which the system's file changed.
    """
    frame = table(points, "label", "value").reset_index(drop=True)
    with canvas(2.9) as (drawn, axes):
        interval_bars(axes, frame.index.to_series(), frame, "value", {"color": BLUE})
        axes.plot(frame.index, frame["value"], color=BLUE, marker="o", linewidth=0.8, markersize=3.5)
        _levels(axes, frame["value"], changes)
        if suspect is not None:
            axes.axvspan(suspect - 0.5, len(frame) - 0.5, color=ORANGE, alpha=0.2, linewidth=0)
            axes.annotate(
                "candidate", (suspect - 0.4, 0.95), xycoords=axes.get_xaxis_transform(), fontsize=8, color=ORANGE
            )
        for index in files:
            axes.axvline(index - 0.5, color=MUTED, linewidth=1.0, linestyle=":")
            axes.annotate("file changed", (index - 0.4, 0.88), xycoords=axes.get_xaxis_transform(), fontsize=7.5,
                          color=MUTED)  # fmt: skip
        every = max(-(-len(frame) // MOST_LABELS), 1)
        shown = list(range(0, len(frame), every))
        axes.set_xticks(shown, [frame["label"][i] for i in shown], fontsize=7.5)
        axes.set(ylabel=f"{title.split(' [')[0]} ({unit})", xlabel="run: date and commit")
        labels = frame["label"].tolist()
        said = _alt(title, unit, frame["value"].tolist(), labels, changes, suspect)
        changed = ", ".join(labels[i].replace(chr(10), " ") for i in files)
        return finish(drawn, title, f"{said} The system's file changed at {changed}." if files else said)


def _levels(axes: object, values: Sequence[float], changes: Sequence[tuple[int, float, float]]) -> None:
    """Draw each level between change points as a line, and each change as a vertical one."""
    if not changes:
        return
    edges = [0, *(index for index, _, _ in changes), len(values)]
    levels = [changes[0][1], *(after for _, _, after in changes)]
    for start, stop, height in zip(edges[:-1], edges[1:], levels, strict=True):
        axes.hlines(height, start - 0.5, stop - 0.5, color=RED, linewidth=1.3)  # type: ignore[attr-defined]
    for index, before, after in changes:
        axes.axvline(index - 0.5, color=RED, linewidth=1.0, linestyle=(0, (4, 2)))  # type: ignore[attr-defined]
        words = f"{(after / before - 1) * 100:+.0f} %" if before else "change"
        axes.annotate(words, (index - 0.4, 0.02), xycoords=axes.get_xaxis_transform(), fontsize=8, color=RED)  # type: ignore[attr-defined]


def _alt(
    title: str, unit: str, values: list[float], labels: list[str], changes: Sequence[tuple[int, float, float]],
    suspect: int | None,
) -> str:  # fmt: skip
    said = f"{title} over {len(values)} runs: between {number(min(values))} and {number(max(values))} {unit}"
    moves = [f"from {number(a)} to {number(b)} {unit} at {labels[i].replace(chr(10), ' ')}" for i, a, b in changes]
    said += f"; change points: {'; '.join(moves)}" if moves else "; no change point"
    return said + (f"; the last {len(values) - suspect} are a candidate." if suspect is not None else ".")
