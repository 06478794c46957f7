"""Which run a notebook works in: one of its own settings, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.cli import notebook as command
from perflab.errors import UsageError
from perflab.experiments import study as subject
from perflab.experiments.study import Study, create_run, open_study, reports_folder
from perflab.report.notebook.outcome import NotebookOutcome
from perflab.runs import Run, Step, list_runs
from perflab.system.load_file import load_system


@pytest.fixture
def toml(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(subject, "stay_on", lambda cores: None)  # the tests keep their cores
    return str(root / "tests/systems/notes/notes.toml")


def make(toml: str, effort: str = "quick", *done: str, number: int = 1) -> Run:
    """Make a run in which some notebooks are done; a later one has a higher number."""
    started = create_run(load_system(toml), toml, effort, 7, reports_folder() / "elsewhere").manifest
    steps = tuple(Step(name=name, status="done") for name in done)
    named = started.model_copy(update={"run_id": f"2026010{number}T000000Z-{effort}-0001", "steps": steps})
    return Run.create(reports_folder(), named)


def opened(toml: str, *, effort: str = "quick", seed: int = 7, run: str | Path = "", scale: float = 1.0,
           needs: tuple[str, ...] = ()) -> Study:  # fmt: skip
    return open_study("40_scalability", toml, effort, "", seed, str(run), needs, scale)


def test_a_run_opens_with_its_own_settings(toml):
    run = make(toml)
    run.note("time_scale", 0.2)
    assert opened(toml, run=run.path, scale=0.2).run.id == run.id


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"effort": "full"}, "effort quick, not full"),
        ({"seed": 8}, "rng_seed 7, not 8"),
        ({"scale": 0.5}, "time_scale 1.0, not 0.5"),
        ({"effort": "full", "seed": 8}, "effort quick, not full; rng_seed 7, not 8"),
    ],
)
def test_a_run_of_other_settings_is_refused_in_one_line(toml, asked, said):
    run = make(toml)
    with pytest.raises(UsageError, match=said) as error:
        opened(toml, run=run.path, **asked)
    assert run.id in str(error.value) and "empty run_dir" in str(error.value) and "\n" not in str(error.value)


def test_a_run_of_another_description_is_refused(toml, root):
    with pytest.raises(UsageError, match="since changed or not the one"):
        opened(str(root / "data/systems/voice_gateway.toml"), run=make(toml).path)


def test_by_hand_the_latest_run_of_the_same_settings_is_read(toml, capsys):
    need = "30_prototype"
    make(toml, "full", need, number=1)
    latest = make(toml, "quick", need, number=2)
    make(toml, "quick", number=3)
    assert opened(toml, needs=(need,)).run.id == latest.id
    assert opened(toml, effort="full", needs=(need,)).run.manifest.effort == "full"
    with pytest.raises(UsageError, match="30_prototype at effort quick, rng_seed 9, time_scale 1"):
        opened(toml, seed=9, needs=(need,))
    assert f"reading run {latest.id}" in capsys.readouterr().out


def test_a_run_started_by_hand_can_be_opened_again(toml):
    first = opened(toml, scale=0.2).run
    assert opened(toml, scale=0.2, run=first.path).run.id == first.id
    with pytest.raises(UsageError, match=r"time_scale 0\.2, not 1"):
        opened(toml, run=first.path)


def test_a_refused_notebook_leaves_the_runs_own_copy(toml, monkeypatch):
    run = make(toml)
    own = run.folder("notebooks") / "30_prototype.ipynb"
    own.write_text("executed")
    monkeypatch.setattr("perflab.report.notebook.runner.run_notebook", lambda *_, **__: pytest.fail("it was run"))
    with pytest.raises(UsageError, match="effort quick, not full"):
        command.run_one("30_prototype", [f"system={toml}", f"run_dir={run.path}", "effort=full"])
    assert own.read_text() == "executed"


@pytest.mark.parametrize(("status", "step", "state"), [("done", "done", "done"), ("failed", "failed", "broken")])
def test_a_notebook_of_its_own_records_its_step(toml, monkeypatch, status, step, state):
    def ended(_path, values, out, **_):
        assert Run.open(Path(values["run_dir"])).step("11_baseline_load").status == "running"
        return NotebookOutcome(status, "", 2.0, ())

    monkeypatch.setattr("perflab.report.notebook.runner.run_notebook", ended)
    monkeypatch.setattr("perflab.report.page_notebook.build_notebook_page", lambda *_: None)
    command.run_one("11_baseline_load", [f"system={toml}", "rng_seed=9"])
    (run,), _ = list_runs(reports_folder())
    assert run.manifest.status == state and run.manifest.rng_seed == 9
    assert run.step("11_baseline_load").status == step and run.step("11_baseline_load").wall_s == 2.0


def test_a_run_of_a_kernel_that_has_ended_is_not_running(toml):
    run = opened(toml).run
    assert run.manifest.command == "notebook 40_scalability"
    subject._left(run)
    assert Run.open(run.path).manifest.status == "interrupted"
