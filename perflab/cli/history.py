"""`perflab history`: the figures of finished runs over time, their change points, and what looks suspicious."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from perflab.cli.find import named_run
from perflab.errors import EXIT_OK, UsageError
from perflab.experiments.study import reports_folder
from perflab.history.row import Row
from perflab.history.sketch import WIDTH, marks, spark
from perflab.history.store import HistoryStore
from perflab.history.timeline import Timeline, timelines, unjudged_sentence
from perflab.history.wording import figure_text
from perflab.strict_json import json_text


def show_history(metric: str, system: str, add: str, rebuild: bool, as_json: bool) -> int:
    """Add runs where asked, then print all figures, or the timelines of one."""
    reports = reports_folder()
    store = HistoryStore(reports)
    if add or rebuild:
        _write(store, add, rebuild, reports)
    renewed = store.renew()
    rows, problems = store.rows("system = ?", (system,)) if system else store.rows()
    for problem in (*renewed, *problems):
        typer.echo(f"perflab: {problem}", err=True)
    if not rows:
        typer.echo(
            "[]" if as_json else "The history is empty. Fill it with: perflab spike, or perflab history --rebuild"
        )
        return EXIT_OK
    found = timelines(chosen(rows, metric))
    if as_json:
        typer.echo(json_text([as_dict(line) for line in found]))
    else:
        typer.echo("\n".join(_listing(found) if not metric else _plots(found)))
    return EXIT_OK


def _write(store: HistoryStore, add: str, rebuild: bool, reports: Path) -> None:
    """Write runs into the store, then the page of the history."""
    from perflab.report.history_page import build_history_page
    from perflab.report.run_index import build_index

    if rebuild:
        written, problems = store.rebuild()
        typer.echo(f"{written} runs written", err=True)
        for problem in problems:
            typer.echo(f"perflab: left out: {problem}", err=True)
    if add:
        run = named_run(add, reports)
        known, count = store.path(run.id).exists(), store.add(run)
        said = "is in the history already" if known else f"added with {count} figures" if count else "holds no figures"
        typer.echo(f"Run {run.id} {said}", err=True)
    build_history_page(reports)
    build_index(reports)


def chosen(rows: Sequence[Row], metric: str) -> list[Row]:
    """Return the rows of a metric: the exact name, else every name that contains the text; raises UsageError."""
    exact = [row for row in rows if row.metric == metric]
    found = exact or [row for row in rows if metric.lower() in row.metric.lower()]
    if not found:
        names = sorted({row.metric for row in rows})
        raise UsageError(f"No metric {metric!r} in the history", f"metrics are {', '.join(names)}")
    return found


def as_dict(line: Timeline) -> dict[str, Any]:
    """Return a timeline as JSON."""
    suspect = line.suspect()
    keep = ("run_id", "commit", "value", "low", "high", "n", "level")
    return {
        **asdict(line.key),
        "points": [{"time": row.time.isoformat(), **{k: getattr(row, k) for k in keep}} for row in line.rows],
        "untrusted": line.untrusted,
        "change_points": [
            {
                "run_id": line.rows[c.index].run_id,
                "before": c.before,
                "after": c.after,
                "p_value": c.p_value,
                "file_change": line.file_change(c),
            }
            for c in line.changes
        ],
        "candidate": {**asdict(line.candidate), "file_change": line.file_change(line.candidate)}
        if line.candidate
        else None,
        "file_changes": [{"run_id": line.rows[at].run_id, "digest": line.rows[at].digest} for at in line.files],
        "unjudged": line.unjudged,
        "suspect": asdict(suspect) if suspect else None,
        "problem": line.problem,
    }


def count_sentence(found: Sequence[Timeline]) -> str:
    """Say how many series there are, from how many environments and runs."""
    environments = len({line.key.fingerprint for line in found})
    runs = len({row.run_id for line in found for row in line.rows})
    joined = (
        "one environment" if environments == 1 else f"{environments} unlike environments, never joined into one series"
    )
    return f"{len(found)} series of {runs} {'run' if runs == 1 else 'runs'} from {joined}."


def _listing(found: Sequence[Timeline]) -> list[str]:
    lines = [count_sentence(found)]
    width = min(max(len(line.key.label) for line in found), 60)
    for line in found:
        last, suspect = line.last, line.suspect()
        noted = f"  ? {suspect.moved} at {_where(suspect.commit, suspect.run_id)}" if suspect else ""
        lines.append(
            f"{line.key.label:{width}}  {line.level(last.value):>10}  "
            f"{len(line.rows):3} runs  {line.key.fingerprint[:6]} {line.key.effort}{noted}"
        )
    suspects, unjudged = sum(line.suspect() is not None for line in found), sum(bool(line.unjudged) for line in found)
    if suspects:
        lines.append(f"Marked ? because they look worse: {suspects}. perflab gate decides.")
    elif unjudged < len(found):
        lines.append(f"Nothing looks worse at the end{' of the series that can be judged' if unjudged else ''}.")
    return [*lines, *filter(None, [unjudged_sentence(found)])]


def _plots(found: Sequence[Timeline]) -> list[str]:
    lines = [count_sentence(found)]
    for line in found:
        lines += ["", *plot(line)]
    return lines


def plot(line: Timeline) -> list[str]:
    """Return one timeline as text: its name, the bars, the marks, and a line for each change."""
    first, last, values = line.rows[max(len(line.rows) - WIDTH, 0)], line.last, line.values
    said = [f"{line.key.label}: {line.key.system}, {line.key.effort}, environment {line.key.fingerprint}"]
    low, high = min(values), max(values)
    said.append(f"  {spark(values)}  {line.level(low)} to {line.level(high)}")
    noted = marks(len(values), [c.index for c in line.changes], line.candidate.index if line.candidate else None,
                  files=line.files)  # fmt: skip
    said += [f"  {noted}"] if noted else []
    said.append(
        f"  {first.time:%Y-%m-%d} {first.commit[:12]} to {last.time:%Y-%m-%d} {last.commit[:12]}, {len(values)} runs"
        + (f", {line.untrusted} more were not trusted" if line.untrusted else "")
    )
    said.append(f"  last: {figure_text(last)} (n = {last.n}, {last.level})")
    for change in line.changes:
        row = line.rows[change.index]
        said.append(
            f"  ^ {row.time:%Y-%m-%d} {_where(row.commit, row.run_id)}: {line.level(change.before)} to "
            f"{line.level(change.after)} ({line.moved(change)}, p = {change.p_value:.3g})"
            f"{_noted(line.file_change(change))}"
        )
    if line.candidate:
        row = line.rows[line.candidate.index]
        said.append(
            f"  ? {row.time:%Y-%m-%d} {_where(row.commit, row.run_id)}: {line.moved(line.candidate)}, "
            f"z = {line.candidate.z:+.1f}: a candidate, no verdict; measure it with perflab gate"
            f"{_noted(line.file_change(line.candidate))}"
        )
    for at in line.files:
        row = line.rows[at]
        said.append(f"  # {row.time:%Y-%m-%d} {_where(row.commit, row.run_id)}: the system's file changed")
    said += [f"  not judged: {line.unjudged}"] if line.unjudged else []
    return [*said, *([f"  change points {line.problem}"] if line.problem else [])]


def _noted(file_change: str) -> str:
    return f"; {file_change}" if file_change else ""


def _where(commit: str, run_id: str) -> str:
    return f"commit {commit[:12]}" if commit else f"run {run_id}"
