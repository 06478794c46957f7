"""What `perflab spike --resume` may go on with: the description, the code and the machine that the run began on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perflab.cli.find import is_study, named_run
from perflab.errors import UsageError
from perflab.experiments.code_state import changes_digest, commit_of, perflab_commit
from perflab.experiments.study import reports_folder
from perflab.runs import Manifest, Run
from perflab.system.load_file import load_system

if TYPE_CHECKING:
    from perflab.system.spec import System

UNPROVEN = "resumed on a tree with changes that were not recorded when the run began: they may have been others"


def resumed(text: str, reports: Path, typed: Mapping[str, object] | None = None) -> tuple[Run, System]:
    """Return the run that is named and its system; raises UsageError where there is none or it is no study.

    `typed`: options that the user gave beside the run; they must be the run's own, as nothing else would be heeded.
    Little is read, so that it may be asked while another command measures; `check_unchanged` must follow.
    """
    run = named_run(text, reports)
    if not is_study(run):
        raise UsageError(f"Run {run.id} is not of a study", "a load, profile or gate command cannot go on",
                         "List runs with: perflab runs")  # fmt: skip
    if other := _unlike(run.manifest, typed or {}):
        raise UsageError(f"Run {run.id} was begun with {'; '.join(other)}", "a run goes on with its own options",
                         "Leave them out, or start a new run")  # fmt: skip
    return run, load_system(run.manifest.system)


def check_unchanged(run: Run, system: System) -> None:
    """Raise UsageError where description, code or machine are no longer those that the run began on."""
    if changed := _changed(run.manifest, system):
        raise UsageError(
            f"Run {run.id} cannot go on: {'; '.join(changed)}",
            "a run measures one description, one state of the code and one machine",
            "Start a new run: perflab spike",
        )
    if run.manifest.commit.endswith("-dirty") and not run.manifest.changes_digest:
        typer.echo(f"perflab: warning: {UNPROVEN}", err=True)
        run.note("warning", UNPROVEN)


def _unlike(began: Manifest, typed: Mapping[str, object]) -> list[str]:
    own = {
        "system": began.system,
        "effort": began.effort,
        "seed": began.rng_seed,
        "plant": began.planted,
        "time_scale": float(began.notes.get("time_scale", 1.0)),
    }
    asked = {name: str(Path(str(value)).resolve()) if name == "system" else value for name, value in typed.items()}
    return [f"{name} {own[name]!r}, not {value!r}" for name, value in asked.items() if own[name] != value]


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
