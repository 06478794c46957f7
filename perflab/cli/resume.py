"""What `perflab spike --resume` may go on with: the description, the code and the machine that the run began on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perflab.cli.find import find_run
from perflab.errors import UsageError
from perflab.experiments.code_state import changes_digest, commit_of, perflab_commit
from perflab.experiments.study import reports_folder
from perflab.runs import Manifest, Run
from perflab.system.load_file import load_system

if TYPE_CHECKING:
    from perflab.system.spec import System

UNPROVEN = "resumed on a tree with changes that were not recorded when the run began: they may have been others"


def resumed(text: str, reports: Path) -> tuple[Run, System]:
    """Return a run to go on with, and its system; raises UsageError where either is no longer what was measured."""
    run = find_run(text, reports)
    system = load_system(run.manifest.system)
    if changed := _changed(run.manifest, system):
        raise UsageError(
            f"Run {run.id} cannot go on: {'; '.join(changed)}",
            "a run measures one description, one state of the code and one machine",
            "Start a new run: perflab spike",
        )
    if run.manifest.commit.endswith("-dirty") and not run.manifest.changes_digest:
        typer.echo(f"perflab: warning: {UNPROVEN}", err=True)
        run.note("warning", UNPROVEN)
    return run, system


def _changed(began: Manifest, system: System) -> list[str]:
    """Return one phrase for each thing that is not as when the run began; what a run did not record is not asked."""
    from perflab.environment import differences, fingerprint

    found = [] if system.digest == began.system_digest else [f"{began.system} has changed since it began"]
    found += _changed_code(began, system)
    return found + (differences(began.fingerprint, fingerprint()) if began.fingerprint else [])


def _changed_code(began: Manifest, system: System) -> list[str]:
    """Return what git says of the code now and then; where both commits are the same, what no commit holds."""
    kept = (
        ("it began at", began.commit, commit_of(system.path.parent)),
        ("it began with perflab at", began.perflab_commit, perflab_commit()),
    )
    found = [
        f"{words} commit {then}, now it is {now or 'unknown to git'}"
        for words, then, now in kept
        if then and now != then
    ]
    if found or not began.changes_digest or changes_digest(system, reports_folder()) == began.changes_digest:
        return found
    return ["uncommitted changes, the load file or the targets are not as when it began"]
