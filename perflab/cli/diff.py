"""`perflab diff`: what changed between the profiles of two runs, or of two variants of one run."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from perflab.cli.find import find_run
from perflab.errors import EXIT_OK, NotComparable
from perflab.experiments.study import Study, reports_folder
from perflab.runs import Run, write_atomic
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system


def show_difference(first: str, second: str, variant: str, candidate: str, as_json: bool) -> int:
    """Print the functions whose CPU per unit differs, and write the page with both flame graphs."""
    from perflab.experiments.profile_pairs import compared, stretches_of_run
    from perflab.instrument.difference_flame import difference_page
    from perflab.instrument.difference_wording import sentence

    runs = [find_run(text, reports_folder()) for text in (first, second)]
    names = (variant, candidate or variant)
    studies = [_study(run) for run in runs]
    _check_comparable(studies)
    arms = [stretches_of_run(study, name) for study, name in zip(studies, names, strict=True)]
    pairs = min(len(arm) for arm in arms)
    labels = names if names[0] != names[1] else (f"{names[0]} of {runs[0].id}", f"{names[1]} of {runs[1].id}")
    moved = runs[0].manifest.commit != runs[1].manifest.commit
    own, leaf, flame = compared(studies[1], (arms[0][:pairs], arms[1][:pairs]), labels, names_only=moved)
    page = _page(runs, names)
    write_atomic(page, difference_page(flame, (own, leaf)))
    unit = studies[1].system.unit
    if as_json:
        body = {"sentence": sentence(own, unit), "own": own.records(100), "leaf": leaf.records(100)}
        typer.echo(json.dumps({**body, "unit": unit, "caveats": own.caveats, "page": str(page)}))
        return EXIT_OK
    typer.echo(sentence(own, unit))
    for words, found in (("the system's own functions", own), ("innermost functions", leaf)):
        typer.echo(f"\nBy {words}, us of CPU per {unit}:\n" + found.table().to_string(index=False))
    for caveat in own.caveats:
        typer.echo(f"Note: {caveat}.")
    typer.echo(f"Flame graphs: {page}", err=True)
    return EXIT_OK


def _study(run: Run) -> Study:
    manifest = run.manifest
    return Study(run, load_system(manifest.system), "diff", manifest.effort, manifest.rng_seed, default_cores())


def _check_comparable(studies: list[Study]) -> None:
    names = [study.run.manifest.system_name for study in studies]
    if names[0] != names[1]:
        raise NotComparable(f"The runs are of {names[0]} and {names[1]}", "a unit of work must mean the same in both")


def _page(runs: list[Run], names: tuple[str, str]) -> Path:
    words = [name.replace("=", "-").replace("+", "-") for name in names]
    return runs[1].folder("profiles") / f"diff-{runs[0].id[-4:]}-{words[0]}-{words[1]}.html"
