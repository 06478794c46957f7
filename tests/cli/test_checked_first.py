"""What was typed is checked before the machine is asked for, and a start that is refused leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perflab.benches import gateway, parts, plants, stats
from perflab.cli import gate, spike
from perflab.cli.app import main
from perflab.errors import SystemFailure, UsageError
from perflab.experiments.study import command_run, create_run, reports_folder
from perflab.runs import Step, concluded, exclusive, list_runs
from perflab.system.load_file import load_system
from tests.history import notes_repository

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def notes(root: Path) -> str:
    return str(root / "tests/systems/notes/notes.toml")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run the command line within this process; return its exit code and all that it printed."""

    def run(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["perflab", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(ended.value.code or 0), out + err

    return run


@pytest.fixture
def held() -> Iterator[None]:
    """Let another command measure into the same reports folder."""
    with exclusive(reports_folder()):
        yield


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("spike", "--effort", "medium"), "effort is one of quick, full"),
        (("spike", "--only", "nosuch"), "Unknown notebook"),
        (("spike", "--system", "nosuch.toml"), "no such file"),
        (("spike", "--resume", "nosuch"), "No run"),
        (("spike", "--plant", "nosuch", "--only", "22_caching"), "laboratories measure without"),
        (("bench", "stats", "--only", "nosuch"), "recording"),
        (("bench", "gateway", "--only", "nosuch"), "hundred"),
        (("bench", "plants", "--only", "nosuch"), "clean_scalene"),
        (("notebook", "11_baseline_load", "-p", "system", "nosuch.toml"), "no such file"),
        (("notebook", "11_baseline_load", "-p", "run_dir", "nosuch"), "No run at"),
        (("gate", "--baseline", "variant:nosuch"), "Unknown variant"),
        (("profile", "--", sys.executable, "-c", "print(1)"), "P114"),
    ],
)
def test_a_typing_error_is_told_while_another_command_measures(said, held, args, expected):
    code, text = said(*args)
    assert code == 2 and expected in text and "Another measurement" not in text, text


def test_what_is_typed_well_is_still_refused_while_another_command_measures(said, held, notes):
    script = str(Path(notes).with_name("service.py"))
    for args in (("spike", "--system", notes), ("bench", "stats"), ("profile", "--", sys.executable, script),
                 ("gate", "--baseline", "variant:baseline", "--always", "--system", notes)):  # fmt: skip
        code, text = said(*args)
        assert code == 2 and "Another measurement is running" in text, text
    assert not list((reports_folder() / "runs").glob("*")), "a refused start left a folder"


def test_the_parts_of_a_bench_are_listed_without_the_machine(said, held):
    for name, family in (("gateway", gateway), ("plants", plants), ("stats", stats)):
        code, text = said("bench", name, "--parts")
        assert code == 0 and text.split() == parts.names_in(family) and len(text.split()) > 3
        assert set(parts.known_in(family)) == set(parts.names_in(family))  # without importing one of them
    assert said("bench", "nosuch", "--parts")[0] == 2
    assert "any other word" not in said("bench", "--help")[1]


def test_the_refusal_names_the_command_and_the_folder_of_who_measures(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/x/perflab/__main__.py", "bench", "audio", "--json", "a b.json", "y" * 500])
    with exclusive(reports_folder()), pytest.raises(UsageError) as refused, exclusive(reports_folder()):
        pass
    text = str(refused.value)
    assert "perflab bench audio --json 'a b.json'" in text and f"in {tmp_path}" in text
    assert "Ctrl-C" not in text and len(text) < 500 and "y" * 200 not in text


def test_a_resumed_run_is_read_again_once_the_machine_is_held(notes, monkeypatch):
    run = create_run(load_system(notes), notes, "quick", 7, reports_folder())
    run.set_step(Step(name="00_machine", status="interrupted"))
    monkeypatch.setattr(spike, "check_unchanged", lambda run, _: run.manifest.status)
    seen = []
    monkeypatch.setattr(spike, "_study", lambda run, *_: seen.append(run.manifest.notes) or 0)
    before = spike.resumed

    def slowly(*args):
        found = before(*args)
        found[0].__class__.open(found[0].path).note("by", "another command")
        return found

    monkeypatch.setattr(spike, "resumed", slowly)
    assert spike.run_spike("", "quick", 7, run.id, "", "") == 0 and seen == [{"by": "another command"}]


@pytest.mark.parametrize(
    ("baseline", "words", "expected"),
    [
        ("nosuch", (), "is no commit"),
        ("variant:nosuch", (), "Unknown variant"),
        ("nosuch.toml", (), "no such file"),
        ("good", ("--blocks", "3"), "cannot confirm"),
    ],
)
def test_a_gate_with_an_empty_history_is_not_green_for_a_typing_error(tmp_path, capsys, baseline, words, expected):
    toml = str(notes_repository.make(tmp_path / "repo"))
    with pytest.raises(UsageError, match=expected):
        gate.run_gate(baseline, words, toml, "", "", False, "")
    assert "No suspect" not in capsys.readouterr().out
    assert gate.run_gate("good", ("--blocks", "6"), toml, "", "", False, "") == 0
    assert len(notes_repository.git(tmp_path / "repo", "worktree", "list").splitlines()) == 1


def test_the_gate_refuses_an_unknown_variant_of_its_own_before_it_says_that_all_is_well(tmp_path):
    with pytest.raises(UsageError, match="Unknown variant"):
        gate.run_gate("good", (), str(notes_repository.make(tmp_path / "repo")), "nosuch", "", False, "")


def test_a_refused_command_leaves_no_run_and_a_broken_one_stays(notes):
    system = load_system(notes)
    with pytest.raises(UsageError), command_run(system, reports_folder()) as run:
        run.progress("load", 0, 1)
        raise UsageError("x")
    assert not run.path.exists()
    with pytest.raises(SystemFailure), command_run(system, reports_folder()):
        raise SystemFailure("x")
    with pytest.raises(UsageError), concluded(create_run(system, notes, "quick", 7, reports_folder())) as run:
        (run.folder("trials") / "load.log").write_text("what it said")
        raise UsageError("x")
    assert [left.manifest.status for left in list_runs(reports_folder())[0]] == ["broken", "broken"]


@pytest.mark.parametrize("master", ["foo", "foo:", ":5557", "foo:bar", "foo:99999"])
def test_a_master_that_is_no_address_leaves_no_folder(said, notes, master):
    code, text = said("load", "--system", notes, "--master", master)
    assert code == 2 and "must be HOST:PORT" in text
    assert not (reports_folder() / "workers").exists()


def test_a_command_that_cannot_be_profiled_is_refused_once_and_leaves_nothing(said):
    code, text = said("profile", "--", sys.executable, "-c", "print(1)")
    assert code == 2 and "takes its code on the command line" in text and "Put it into a file" in text
    assert text.count("P114") == 1 and "is no Python command" not in text and "unprofiled" not in text
    code, text = said("profile", "--", "/no/such", "x.py")
    assert code == 2 and "P116" in text and "unprofiled" not in text
    assert not (reports_folder() / "runs").exists()
