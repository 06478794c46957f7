"""`perflab spike --resume`: only what the run began with goes on, on the commit and the machine that it began on."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.cli import spike
from perflab.errors import UsageError
from perflab.experiments.study import create_run, reports_folder
from perflab.runs import Run
from perflab.system.load_file import load_system


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return an interrupted run that began on commit abc-dirty; what would measure instead says so."""
    toml = str(root / "tests/systems/notes/notes.toml")
    made = create_run(load_system(toml), toml, "quick", 7, reports_folder())
    made.update(status="interrupted", commit="abc-dirty")
    monkeypatch.setattr(spike, "commit_now", lambda: "abc-dirty")
    monkeypatch.setattr(spike, "_study", lambda run, *_: int(run.manifest.status == "running"))
    return made


def resume(run: Run) -> int:
    return spike.run_spike("", "quick", 7, run.id, "", "")


def refused(run: Run) -> str:
    """Return the line that a resumption is refused with; the run must stay as it was."""
    with pytest.raises(UsageError) as error:
        resume(run)
    run.reload()
    assert run.manifest.status == "interrupted"
    assert "Start a new run" in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def test_what_is_as_it_was_goes_on(run):
    assert resume(run) == 1


@pytest.mark.parametrize(("now", "said"), [("def", "it is def"), ("abc", "it is abc"), ("", "it is unknown")])
def test_another_commit_is_refused(run, monkeypatch, now, said):
    monkeypatch.setattr(spike, "commit_now", lambda: now)
    assert f"it began at commit abc-dirty, now {said}" in refused(run)


def test_a_run_that_began_without_git_goes_on(run):
    run.update(commit="")
    assert resume(run) == 1


def test_another_machine_or_package_is_refused(run):
    run.update(fingerprint={**run.manifest.fingerprint, "kernel": "5.0", "packages": "0", "boot_id": "another"})
    line = refused(run)
    assert "kernel differs (5.0, " in line and "packages differs" in line and "boot_id" not in line


def test_a_changed_description_is_refused(run):
    run.update(system_digest="0")
    assert "notes.toml has changed since it began" in refused(run)
