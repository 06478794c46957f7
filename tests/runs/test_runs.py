"""A run on disk: atomic, resumable, and one corrupt run does not hide the others."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from perflab.errors import RunCorrupt, SystemFailure, UsageError
from perflab.runs import MEASURING, Manifest, Run, Step, concluded, exclusive, list_runs, new_run_id, write_atomic


def make(reports, run_id="20260101T000000Z-quick-0001") -> Run:
    return Run.create(reports, Manifest(run_id=run_id, created="2026-01-01T00:00:00+00:00", system="s.toml",
                                        system_name="s", effort="quick", domain="d", rng_seed=7))  # fmt: skip


def test_a_run_reads_back_as_it_was_written(tmp_path):
    run = make(tmp_path)
    run.set_step(Step(name="00_machine", status="done", wall_s=1.5))
    run.note("overhead", {"pyspy": 1.01})
    again = Run.open(run.path)
    assert again.manifest == run.manifest and again.step("00_machine").wall_s == 1.5
    assert again.manifest.notes == {"overhead": {"pyspy": 1.01}}


def test_a_step_is_replaced_not_repeated(tmp_path):
    run = make(tmp_path)
    run.set_step(Step(name="a", status="running"))
    run.set_step(Step(name="a", status="done"))
    assert [(s.name, s.status) for s in run.manifest.steps] == [("a", "done")]


def test_one_corrupt_manifest_does_not_hide_the_others(tmp_path):
    good, bad = make(tmp_path), make(tmp_path, "20260102T000000Z-quick-0002")
    (bad.path / "manifest.json").write_text("{", encoding="utf-8")
    runs, problems = list_runs(tmp_path)
    assert [r.id for r in runs] == [good.id] and bad.id in problems[0]
    with pytest.raises(RunCorrupt, match="cannot be read"):
        Run.open(bad.path)


def test_a_missing_run_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="No run at"):
        Run.open(tmp_path / "nowhere")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_atomic(path, 5)
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    (tmp_path / "folder").mkdir()
    for text in ("first", "second"):
        write_atomic(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "file").read_text() == text


def test_a_pipe_is_written_to_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", "said")
    assert os.read(reader, 10) == b"said" and (tmp_path / "pipe").is_fifo()
    os.close(reader)


def test_an_open_descriptor_keeps_what_was_said_before(tmp_path):
    with (tmp_path / "out").open("w") as out:
        print("before", file=out, flush=True)
        write_atomic(Path(f"/proc/self/fd/{out.fileno()}"), "said")
    assert (tmp_path / "out").read_text() == "before\nsaid"


def test_two_measurements_at_once_are_refused(tmp_path):
    with exclusive(tmp_path), pytest.raises(UsageError, match="Another measurement is running"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


def test_run_ids_sort_by_time():
    assert new_run_id("quick")[8] == "T" and "-quick-" in new_run_id("quick")


def test_a_page_names_the_system_as_it_is_typed_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = make(tmp_path).manifest.model_copy(update={"system": str(tmp_path / "data" / "shop.toml")})
    assert manifest.system_shown == "data/shop.toml"
    assert manifest.model_copy(update={"system": "/elsewhere/shop.toml"}).system_shown == "/elsewhere/shop.toml"


def test_the_command_that_measures_again_has_every_option_that_decided(tmp_path):
    manifest = make(tmp_path).manifest.model_copy(update={"command": "load --users 5"})
    assert manifest.command_again == "perflab load --users 5"
    study = manifest.model_copy(update={"steps": (Step(name="00_machine"), Step(name="30_prototype"))})
    assert study.command_again == "perflab spike --system s.toml --effort quick --seed 7"
    notes = {"time_scale": 0.2, "only": "30_prototype"}
    scaled = study.model_copy(update={"notes": notes, "planted": "late=40", "system": "/a b/s.toml"})
    assert scaled.command_again == (
        "perflab spike --system '/a b/s.toml' --effort quick --seed 7 --time-scale 0.2 "
        "--only 00_machine,30_prototype --plant late=40"
    )


@pytest.mark.parametrize(
    ("system", "own", "said"),
    [
        ("", "", ()),
        ("abc-dirty", "", ("git checkout abc",)),
        ("abc", "abc-dirty", ("git checkout abc",)),
        ("", "def", ("git checkout def",)),
        ("abc", "def", ("git -C /shop checkout abc", "git checkout def")),
    ],
)
def test_each_repository_gets_its_own_commit_back(tmp_path, system, own, said):
    changes = {"system": "/shop/shop.toml", "commit": system, "perflab_commit": own}
    manifest = make(tmp_path).manifest.model_copy(update=changes)
    assert manifest.checkouts == said and manifest.dirty == ("-dirty" in system + own)


@pytest.mark.parametrize(
    ("error", "status"), [(None, "done"), (KeyboardInterrupt, "interrupted"), (SystemFailure, "broken")]
)
def test_a_command_leaves_no_run_that_seems_to_go_on(tmp_path, error, status):
    run = make(tmp_path)
    with pytest.raises(error) if error else nullcontext(), concluded(run):
        Run.open(run.path).note("by", "a notebook")
        if error:
            raise error("x")
    left = Run.open(run.path).manifest
    assert left.status == status and left.finished and left.notes == {"by": "a notebook"}


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Let this process be on a machine that nobody holds."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(MEASURING)


def test_two_clones_do_not_measure_each_other(tmp_path, monkeypatch, alone):
    with exclusive(tmp_path / "a"):
        assert os.environ[MEASURING], "a notebook or nested command would refuse itself"
        with exclusive(tmp_path / "nested"):
            pass
        monkeypatch.delenv(MEASURING)  # as another command sees it
        with pytest.raises(UsageError, match=f"is running .process {os.getpid()}"), exclusive(tmp_path / "b"):
            pass
        monkeypatch.setenv(MEASURING, "1")
    assert MEASURING not in os.environ
    with exclusive(tmp_path / "b"):
        pass


def test_a_lock_that_cannot_be_made_stops_nobody(tmp_path, alone):
    (tmp_path / f"perflab-{os.getuid()}.lock").symlink_to(tmp_path / "elsewhere")
    with exclusive(tmp_path / "a"):
        assert not (tmp_path / "elsewhere").exists()
