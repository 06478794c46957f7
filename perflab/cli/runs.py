"""`perflab runs`: the stored runs."""

from __future__ import annotations

import json

import typer

from perflab.errors import EXIT_OK
from perflab.experiments.study import reports_folder
from perflab.runs import list_runs


def show_runs(as_json: bool) -> int:
    """Print the runs, newest first; those that cannot be read are named on stderr."""
    found, problems = list_runs(reports_folder())
    if as_json:
        typer.echo(json.dumps([run.manifest.model_dump(exclude={"fingerprint"}) for run in found]))
    for run in found if not as_json else []:
        manifest = run.manifest
        done = sum(step.status == "done" for step in manifest.steps)
        typer.echo(
            f"{run.id}  {manifest.system_name:16} {manifest.status:12} {done}/{len(manifest.steps)} notebooks  "
            f"{run.path / 'index.html'}"
        )
    for problem in problems:
        typer.echo(f"perflab: {problem}", err=True)
    if not found and not as_json:
        typer.echo("No runs yet. Make one with: perflab spike")
    return EXIT_OK
