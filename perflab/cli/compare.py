"""`perflab compare`: two runs figure by figure, for the terminal, for programs, for a pull request."""

from __future__ import annotations

import json
import sys

import typer

from perflab.cli.find import named_run
from perflab.errors import EXIT_OK
from perflab.experiments.study import reports_folder
from perflab.history.pair import WORDS, Line, Pair, compare_runs, moved
from perflab.history.row import Row
from perflab.report.calibration import calibration_of
from perflab.runs import Run
from perflab.units import change_text, number_text

PIPE_WIDTH = 160  # of a table that no terminal shows
Cells = tuple[str, str, str, str, str, str]
HEADER: Cells = ("figure", "A", "B", "change", "evidence", "what can be said")


def show_comparison(a: str, b: str, force_unlike: bool, as_json: bool, as_markdown: bool) -> int:
    """Print two runs side by side; exit code 3 when they must not be compared."""
    reports = reports_folder()
    pair = compare_runs(named_run(a, reports), named_run(b, reports), force_unlike=force_unlike)
    if as_json:
        typer.echo(json.dumps(as_dict(pair)))
    elif as_markdown:
        typer.echo(markdown(pair))
    else:
        typer.echo(table(pair))
    return EXIT_OK


def as_dict(pair: Pair) -> dict[str, object]:
    """Return the comparison as JSON."""
    return {
        "a": _run_dict(pair.a), "b": _run_dict(pair.b), "unlike": list(pair.unlike),
        "figures": [line.as_dict() for line in pair.lines], "moved": [line.label for line in moved(pair.lines)],
        "calibration": calibration_of(pair.b).as_dict(),
    }  # fmt: skip


def _run_dict(run: Run) -> dict[str, str]:
    m = run.manifest
    return {"run_id": m.run_id, "created": m.created, "commit": m.commit, "system": m.system_name, "effort": m.effort}


def cells(line: Line) -> Cells:
    """Return one figure as the texts of its row."""
    change = "" if line.change is None else change_text(1 + line.change)
    levels = dict.fromkeys(row.level if row.trusted else "untrusted" for row in (line.a, line.b) if row)
    return line.label, _value(line.a), _value(line.b), change, ", ".join(levels), WORDS[line.sight]


def _value(row: Row | None) -> str:
    """Return a figure with its interval, such as "15.1 [14.5, 15.3] ms"."""
    if row is None:
        return "-"
    low, high = ("" if bound is None else number_text(bound) for bound in (row.low, row.high))
    bounds = f" [{low}, {high}]" if low or high else ", no interval"
    return f"{number_text(row.value)}{bounds} {row.unit}"


def table(pair: Pair) -> str:
    """Return the comparison as text for the terminal, what moved first."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False)
    for name in HEADER:
        drawn.add_column(name, overflow="fold", no_wrap=name in ("A", "B", "change", "evidence"))
    for line in _weightiest_first(pair):
        drawn.add_row(*(text.replace("[", "\\[") for text in cells(line)))
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with console.capture() as captured:
        console.print(drawn)
    shown = captured.get().rstrip()
    return "\n".join([*_heads(pair), "", shown, "", summary(pair), *calibration_of(pair.b).lines()])


def markdown(pair: Pair) -> str:
    """Return the comparison as Markdown for a pull request: what moved on top, the rest folded."""
    lines = _weightiest_first(pair)
    top = [line for line in lines if line.sight == "moved"]
    rest = [line for line in lines if line.sight != "moved"]
    parts = ["### perflab: two runs side by side", "", *(f"- {head}" for head in _heads(pair)), "", summary(pair), ""]
    parts += [*calibration_of(pair.b).lines(), ""]
    parts += _markdown_rows(top)
    if rest:
        parts += [f"<details><summary>{len(rest)} other figures</summary>", "", *_markdown_rows(rest), "</details>"]
    return "\n".join(parts)


def _markdown_rows(lines: list[Line]) -> list[str]:
    if not lines:
        return []
    body = [cells(line) for line in lines]
    return [
        "| " + " | ".join(_plain(text) for text in row) + " |" for row in (HEADER, ("---",) * len(HEADER), *body)
    ] + [""]


def _plain(text: str) -> str:
    """Return text that stays one cell of a Markdown table and no markup of its own."""
    for mark, shown in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(mark, shown)
    return " ".join(text.split())


def _weightiest_first(pair: Pair) -> list[Line]:
    order = list(WORDS)
    return sorted(pair.lines, key=lambda line: (order.index(line.sight), -abs(line.change or 0.0), line.label))


def _heads(pair: Pair) -> list[str]:
    return [
        f"{name}: run {run.id}, {run.manifest.system_name}, commit {run.manifest.commit or 'unknown'}, "
        f"{run.manifest.effort}"
        for name, run in (("A", pair.a), ("B", pair.b))
    ]


def summary(pair: Pair) -> str:
    """Say in one or two sentences what the comparison shows, and what it cannot show."""
    if pair.unlike:
        return f"No verdict: {'; '.join(pair.unlike)}."
    both = [line for line in pair.lines if line.a and line.b]
    count = len(moved(pair.lines))
    if not count:
        return f"No visible move in {len(both)} figures; a move smaller than the intervals would not be seen."
    seen = f"{count} of {len(both)} figures moved beyond both intervals"
    return f"{seen}. The runs were not interleaved, so that a move may be the machine's: perflab gate decides."
