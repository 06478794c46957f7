"""`perflab notebook`: one notebook by the strict runner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perflab.cli.find import find_notebook
from perflab.errors import EXIT_BROKEN, EXIT_OK, UsageError
from perflab.experiments.study import Asked, reports_folder, system_path
from perflab.runs import exclusive, new_run_id
from perflab.system.load_file import load_system
from perflab.units import seconds_text

if TYPE_CHECKING:
    from perflab.report.notebook.parameters import Value


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


def _output(path: Path, values: Mapping[str, Value], reports: Path) -> Path:
    """Return where the executed notebook goes; refuses a run of other settings, whose own copy it would replace."""
    from perflab.report.notebook.parameters import declared_parameters

    run_dir = str(values.get("run_dir", ""))
    if run_dir:
        # Every default counts too: a run is reopened by its folder alone, and an effort not typed is still an effort.
        given = {name: each.default for name, each in declared_parameters(path).items()} | dict(values)
        digest = load_system(system_path(str(given["system"]))).digest
        asked = Asked(str(given["effort"]), int(given["rng_seed"]), float(given.get("time_scale", 1.0)), digest)
        return asked.opened(Path(run_dir)).path / "notebooks" / path.name
    return reports / "notebooks" / f"{new_run_id(path.stem)}.ipynb"
