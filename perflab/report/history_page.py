"""The page of the history: what looks worse first, then the timelines, then every series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from perflab.history.store import HistoryStore
from perflab.history.timeline import Suspect, Timeline, timelines, unjudged_sentence
from perflab.history.wording import figure_text
from perflab.report.figures.timeline import timeline as draw
from perflab.report.pages import FIGURE_BYTES, render
from perflab.runs import write_atomic

MOST_FIGURES = 12
FEWEST_RUNS = 3  # a line through two points shows nothing
LAST_RUNS = 120  # drawn; older runs stay in the store


@dataclass(frozen=True)
class Drawn:
    """A timeline with its figure."""

    line: Timeline
    svg: Markup
    caption: str


def history_page(reports: Path) -> Path:
    """Return where the page lies."""
    return reports / "history" / "index.html"


def build_history_page(reports: Path) -> Path | None:
    """Write `reports/history/index.html` from the store; None when the store is empty."""
    store = HistoryStore(reports)
    store.renew()  # what could be read anew needs no word on a page
    rows, problems = store.rows()
    if not rows:
        return None
    found = timelines(rows)
    suspects = [(line, suspect) for line in found if (suspect := line.suspect())]
    page = render(
        "history.html.j2", drawn=_drawn(found), series=found, suspects=suspects, problems=problems, told=_told,
        unjudged=unjudged_sentence(found), judged=any(not line.unjudged for line in found),
        environments=len({line.key.fingerprint for line in found}), runs=len({row.run_id for row in rows}),
        last=lambda line: figure_text(line.last),
    )  # fmt: skip
    path = history_page(reports)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, page)
    return path


def _told(suspect: Suspect) -> str:
    at = f"commit {suspect.commit[:12]}" if suspect.commit else f"run {suspect.run_id}"
    return f"{suspect.moved} at {at} ({suspect.why})"


def _drawn(found: Sequence[Timeline]) -> list[Drawn]:
    """Draw the timelines that say most, within the bytes that a page may have."""
    long = [line for line in found if len(line.rows) >= FEWEST_RUNS]
    ranked = sorted(long, key=lambda line: (line.suspect() is None, -len(line.changes), -len(line.rows), line.key))
    drawn, left = [], FIGURE_BYTES
    for line in ranked[:MOST_FIGURES]:
        figure = _figure(line)
        if len(figure.svg) <= left:
            left -= len(figure.svg)
            drawn.append(figure)
    return drawn


def _figure(line: Timeline) -> Drawn:
    first = max(len(line.rows) - LAST_RUNS, 0)
    points = [
        {"label": f"{row.time:%m-%d}\n{row.commit[:7]}", "value": row.value, "low": row.low, "high": row.high}
        for row in line.rows[first:]
    ]
    changes = [(c.index - first, c.before, c.after) for c in line.changes if c.index > first]
    suspect = line.candidate.index - first if line.candidate and line.candidate.index >= first else None
    files = [at - first for at in line.files if at > first]
    made = draw(points, line.key.label, line.key.unit, changes, suspect, files)
    where = f"{line.key.label}: {line.key.system}, {line.key.effort}, environment {line.key.fingerprint}"
    return Drawn(line, Markup(made.svg), where)
