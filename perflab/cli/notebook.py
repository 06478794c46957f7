"""`perflab notebook`: one notebook by the strict runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from perflab.cli.find import find_notebook
from perflab.errors import EXIT_BROKEN, EXIT_OK, UsageError
from perflab.experiments.study import reports_folder
from perflab.runs import exclusive, new_run_id
from perflab.units import seconds_text


def name_and_text(pair: str) -> tuple[str, str]:
    """Return name and text of NAME=VALUE; raises UsageError. The notebook's own declaration says what type it is."""
    name, equals, text = pair.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"Parameter {pair!r} is not NAME VALUE", "", "Example: -p effort quick")
    return name, text


def run_one(name: str, parameters: list[str]) -> int:
    """Run a notebook with parameters and say how it ended."""
    from perflab.report.notebook.parameters import parse_text
    from perflab.report.notebook.runner import run_notebook
    from perflab.report.page_notebook import build_notebook_page

    path = find_notebook(name)
    values = parse_text(path, dict(name_and_text(pair) for pair in parameters))
    reports = reports_folder()
    with exclusive(reports):
        out = _output(path, values, reports)
        out.parent.mkdir(parents=True, exist_ok=True)
        outcome = run_notebook(path, values, out, timeout_s=24 * 3600.0)
    build_notebook_page(out, out.with_suffix(".html"))
    typer.echo(f"{path.stem}: {outcome.status} in {seconds_text(outcome.wall_s)}: {out.with_suffix('.html')}")
    if outcome.reason:
        typer.echo(f"perflab: {outcome.reason}", err=True)
    return EXIT_OK if outcome.ok else EXIT_BROKEN


def _output(path: Path, values: Mapping[str, object], reports: Path) -> Path:
    run_dir = str(values.get("run_dir", ""))
    if run_dir:
        return Path(run_dir) / "notebooks" / path.name
    return reports / "notebooks" / f"{new_run_id(path.stem)}.ipynb"
