"""`perflab spike --resume`: only what the run began with goes on, on the commit and the machine that it began on."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.cli import resume as resuming
from perflab.cli import spike
from perflab.cli.app import _run
from perflab.cli.find import find_run
from perflab.cli.page_watcher import PageWatcher
from perflab.errors import UsageError
from perflab.experiments.study import create_run, reports_folder
from perflab.findings.finding import Finding, dump_findings
from perflab.report.run_index import _took
from perflab.runs import Run, Step, list_runs
from perflab.system.load_file import load_system
from perflab.units import seconds_text


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return an interrupted run that began on commit abc-dirty; what would measure instead says so."""
    toml = str(root / "tests/systems/notes/notes.toml")
    made = create_run(load_system(toml), toml, "quick", 7, reports_folder())
    made.update(status="interrupted", commit="abc-dirty", perflab_commit="e", changes_digest="d")
    made.set_step(Step(name="00_machine", status="interrupted"))
    at(monkeypatch)
    monkeypatch.setattr(spike, "_study", lambda run, *_: int(run.manifest.status == "running"))
    return made


def at(patch: pytest.MonkeyPatch, system: str = "abc-dirty", perflab: str = "e", changes: str = "d") -> None:
    """Let the working trees stand at these commits, with these changes."""
    patch.setattr(resuming, "commit_of", lambda _: system)
    patch.setattr(resuming, "perflab_commit", lambda: perflab)
    patch.setattr(resuming, "changes_digest", lambda *_: changes)


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
    at(monkeypatch, system=now)
    assert f"it began at commit abc-dirty, now {said}" in refused(run)


def test_another_perflab_is_refused(run, monkeypatch):
    at(monkeypatch, perflab="f")
    assert "it began with perflab at commit e, now it is f" in refused(run)


def test_other_changes_to_one_commit_are_refused(run, monkeypatch):
    at(monkeypatch, changes="other")
    assert "uncommitted changes, the load file or the targets are not as when it began" in refused(run)


def test_a_run_that_kept_no_changes_says_that_nothing_proves_them_the_same(run, capsys):
    run.update(changes_digest="")
    assert resume(run) == 1
    assert "may have been others" in capsys.readouterr().err
    assert "may have been others" in Run.open(run.path).manifest.notes["warning"]


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


def steps(run: Run, **statuses: str) -> None:
    for name, status in statuses.items():
        run.set_step(Step(name=f"{name[1:]}", status=status))


def asked_for(run: Run, monkeypatch: pytest.MonkeyPatch, only: str = "") -> tuple[str, ...]:
    """Return the notebooks that a resumption runs."""
    monkeypatch.setattr(spike, "_study", lambda *args: args[4])
    return spike.run_spike("", "quick", 7, run.id, only, "")


def test_a_resumed_run_goes_on_with_the_notebooks_that_it_began_with(run, monkeypatch):
    steps(run, _00_machine="done", _22_caching="interrupted")
    assert asked_for(run, monkeypatch) == ("00_machine", "22_caching")
    assert asked_for(run, monkeypatch, "30_prototype") == ("30_prototype",)


@pytest.mark.parametrize(
    ("last", "status", "code"),
    [("done", "done", 0), ("interrupted", "interrupted", 2), ("pending", "interrupted", 2), ("failed", "broken", 2)],
)
def test_a_run_is_done_only_when_every_step_is(run, last, status, code):
    steps(run, _00_machine="done", _11_baseline_load=last)
    finding = Finding(id="F00-1", notebook="00_machine", question="Is it?", claim="It is.", verdict="reported",
                      kind="observation", level="measured-quick")  # fmt: skip
    (run.folder("findings") / "00_machine.json").write_text(dump_findings([finding]).decode())
    assert spike._finish(run, reports_folder(), 1.0) == code
    assert Run.open(run.path).manifest.status == status


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"effort": "full"}, "effort 'quick', not 'full'"),
        ({"seed": 8, "plant": "late=40"}, "plant '', not 'late=40'"),
        ({"time_scale": 0.2}, "time_scale 1.0, not 0.2"),
        ({"system": "other.toml"}, "other.toml"),
    ],
)
def test_options_that_are_not_the_runs_own_are_refused_not_ignored(run, typed, said):
    with pytest.raises(UsageError, match="goes on with its own options") as error:
        resuming.resumed(run.id, reports_folder(), typed)
    assert said in str(error.value)


def test_options_that_are_the_runs_own_may_be_repeated(run):
    own = {"effort": "quick", "seed": 7, "system": run.manifest.system, "time_scale": 1.0, "plant": ""}
    assert resuming.resumed(run.id, reports_folder(), own)[0].id == run.id


def test_only_typed_options_are_held_against_the_run(monkeypatch):
    seen: list[frozenset[str]] = []
    monkeypatch.setattr(spike, "run_spike", lambda *args: seen.append(args[-1]) or 0)
    for words in (["--resume", "x"], ["--resume", "x", "--effort", "quick", "--time-scale", "0.2"]):
        _run(["spike", *words])
    assert [names - {"resume"} for names in seen] == [set(), {"effort", "time_scale"}]


def test_defects_are_planted_only_where_the_system_hears_of_them(root):
    gateway = load_system(root / "data/systems/voice_gateway.toml")
    spike.check_plant("late=40", gateway, ("10_baseline_profile",))
    with pytest.raises(UsageError, match="laboratories measure without"):
        spike.check_plant("late=40", gateway, ("10_baseline_profile", "22_caching"))
    with pytest.raises(UsageError, match="plant_env"):
        spike.check_plant("late=40", load_system(root / "tests/systems/notes/notes.toml"), ("11_baseline_load",))


def test_a_notebook_that_nobody_knows_leaves_no_run(root):
    with pytest.raises(UsageError, match="Unknown notebook"):
        spike.run_spike(str(root / "tests/systems/notes/notes.toml"), "quick", 7, "", "99_nothing", "")
    assert list_runs(reports_folder())[0] == []


def test_a_run_takes_the_time_of_all_its_sessions(run):
    steps(run, _00_machine="done")
    spike._stopped(run, reports_folder(), 480.0, "stopped by hand")
    assert _took(Run.open(run.path).manifest) == "interrupted after 8 min 0 s"
    spike._finish(run, reports_folder(), 12.0)
    manifest = Run.open(run.path).manifest
    assert manifest.notes["wall_s"] == 492.0 and _took(manifest) == seconds_text(492.0)
    assert (
        spike.spent_s(manifest.model_copy(update={"notes": {}, "steps": (Step(name="a", wall_s=90.0),)}), 1.0) == 90.0
    )


def test_a_page_that_cannot_be_built_is_said_once_and_costs_nothing(run, monkeypatch, capsys):
    def full_disk(_run: Run) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("perflab.report.run_page.build_run_page", full_disk)
    watcher = PageWatcher(run, reports_folder())
    (run.folder("findings") / "00_machine.json").write_text("[]")
    watcher.look()
    assert not watcher.rebuild()
    assert capsys.readouterr().err.count("No space left on device") == 1
    steps(run, _00_machine="done")
    assert spike._finish(run, reports_folder(), 1.0) == 2, "a run without a page is not whole"


def test_a_fault_of_perflab_leaves_a_run_to_go_on_with(run, monkeypatch):
    reports = run.path.parents[1]
    monkeypatch.undo()
    monkeypatch.setenv("PERFLAB_REPORTS", str(reports))

    def fail(run: Run, name: str, *_: object) -> None:
        run.set_step(Step(name=name, status="running"))
        raise RuntimeError("a fault")

    monkeypatch.setattr(spike, "_one", fail)
    with pytest.raises(RuntimeError):
        spike._study(run, load_system(run.manifest.system), "quick", 7, ("00_machine",), reports)
    left = Run.open(run.path)
    assert left.manifest.status == left.step("00_machine").status == "interrupted"
    assert "a fault" in left.step("00_machine").reason


def test_the_beginning_of_two_runs_names_neither(run):
    other = Run.create(reports_folder(), run.manifest.model_copy(update={"run_id": run.id + "x"}))
    with pytest.raises(UsageError, match="beginning of 2 runs"):
        find_run(run.id[:8], reports_folder())
    assert find_run(run.id, reports_folder()).id == run.id and find_run(other.id, reports_folder()).id == other.id


def test_a_load_command_is_no_study(run):
    newer = run.manifest.model_copy(update={"run_id": "9" + run.id, "steps": ()})
    load = Run.create(reports_folder(), newer)
    assert find_run("", reports_folder()).id == run.id, "a report of nothing"
    with pytest.raises(UsageError, match="is not of a study"):
        resuming.resumed(load.id, reports_folder())
