"""`perflab diff`: what changed between the profiles of two runs, or of two variants of one run."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from perflab.cli.find import find_run
from perflab.errors import EXIT_OK, NotComparable
from perflab.experiments.code_state import commit_of
from perflab.experiments.study import Study, reports_folder
from perflab.runs import Run, write_atomic
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system

DIRTY = "-dirty"  # as git describe marks a tree with changes
NEXT = "Profile both on one machine with the same effort: perflab profile"


def show_difference(first: str, second: str, variant: str, candidate: str, as_json: bool) -> int:
    """Print the functions whose CPU per unit differs, and write the page with both flame graphs."""
    from perflab.experiments.profile_pairs import compared, stretches_of_run
    from perflab.instrument.difference_flame import difference_page
    from perflab.instrument.difference_wording import sentence

    runs = [find_run(text, reports_folder()) for text in (first, second)]
    names = (variant, candidate or variant)
    studies = [_study(run) for run in runs]
    _check_comparable(studies, names)
    arms = [stretches_of_run(study, name) for study, name in zip(studies, names, strict=True)]
    pairs = min(len(arm) for arm in arms)
    labels = names if names[0] != names[1] else (f"{names[0]} of {runs[0].id}", f"{names[1]} of {runs[1].id}")
    own, leaf, flame = compared(studies[1], (arms[0][:pairs], arms[1][:pairs]), labels, names_only=_moved(runs))
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
    system = load_system(manifest.system, starts=False)  # captures are read: nothing of it runs
    return Study(run, system, "diff", manifest.effort, manifest.rng_seed, default_cores())


def _moved(runs: list[Run]) -> bool:
    """Whether the lines of a capture may not be those of the present source: only one clean commit says that they are.

    Two trees with changes to one commit are called the same by git, and may differ.
    """
    seen = {run.manifest.commit for run in runs} | {commit_of(Path(run.manifest.system).parent) for run in runs}
    return len(seen) > 1 or not all(seen) or any(commit.endswith(DIRTY) for commit in seen)


def _check_comparable(studies: list[Study], variants: tuple[str, str]) -> None:
    """Raise NotComparable for runs of unlike systems, machines or effort, and for captures under unlike load."""
    from perflab.experiments.profile_pairs import load_of_run
    from perflab.history.pair import compare_runs

    first, second = studies
    if first.run.id != second.run.id:
        try:
            compare_runs(first.run, second.run)
        except NotComparable as error:
            raise NotComparable(error.given, "a unit of work must mean the same in both", NEXT) from None
    loads = [load_of_run(study, name) for study, name in zip(studies, variants, strict=True)]
    if loads[0] != loads[1]:
        raise NotComparable(
            f"Cannot compare a capture under {loads[0]} with one under {loads[1]}", "both must be under one load", NEXT
        )


def _page(runs: list[Run], names: tuple[str, str]) -> Path:
    words = [name.replace("=", "-").replace("+", "-") for name in names]
    return runs[1].folder("profiles") / f"diff-{runs[0].id[-4:]}-{words[0]}-{words[1]}.html"
