"""`perflab report`: all pages again, from what is stored; with --to a copy of those that are read."""

from __future__ import annotations

from pathlib import Path

import typer

from perflab.cli.find import find_run, is_study
from perflab.errors import EXIT_OK
from perflab.experiments.study import reports_folder


def rebuild(text: str, to: str = "") -> int:
    """Build notebook pages, deliverables, run page and index of a run; `to` names a folder for a copy of the page."""
    from perflab.report.deliverables import build_deliverables
    from perflab.report.page_notebook import build_notebook_page
    from perflab.report.portable import write_portable
    from perflab.report.run_index import build_index
    from perflab.report.run_page import build_run_page

    run = find_run(text, reports_folder())
    for path in sorted(run.folder("notebooks").glob("*.ipynb")):
        build_notebook_page(path, path.with_suffix(".html"))
    if is_study(run) or any(run.folder("findings").glob("*.json")):  # of a load or profile command they would be empty
        build_deliverables(run)
    typer.echo(str(build_run_page(run)))
    build_index(reports_folder())
    if to:
        typer.echo(str(write_portable(run, Path(to))[0]))
    return EXIT_OK
