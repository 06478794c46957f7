"""Which code a run measures: the system's own commit, and what no commit holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from perflab.experiments import code_state
from perflab.experiments.code_state import changes_digest, commit_of
from perflab.experiments.study import create_run
from perflab.system.load_file import load_system
from perflab.system.spec import System


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def shop(root: Path, tmp_path: Path) -> System:
    """Return a system in a repository of its own, apart from the working directory."""
    home, notes = tmp_path / "shop", root / "tests/systems/notes"
    home.mkdir()
    for name in ("locustfile.py", "targets.toml", "service.py", "notes.toml"):
        (home / name).write_text((notes / name).read_text().replace("../../../data", str(root / "data")))
    git(home, "init", "--quiet")
    git(home, "add", ".")
    git(home, "commit", "--quiet", "-m", "One")
    return load_system(home / "notes.toml")


def test_one_failure_of_git_is_no_other_tests_answer(root, monkeypatch):
    def slow(*words, **options):
        raise subprocess.TimeoutExpired("git", 20.0)

    with monkeypatch.context() as busy:
        busy.setattr(subprocess, "run", slow)
        assert code_state._git(root, "--version") == b""
    assert code_state._git(root, "--version").startswith(b"git version")


def test_a_run_names_the_commit_of_the_system(shop, tmp_path):
    home = shop.path.parent
    clean = create_run(shop, str(shop.path), "quick", 7, tmp_path / "reports").manifest
    assert clean.commit == commit_of(home) != "" and not clean.commit.endswith("-dirty")
    (home / "service.py").write_text("changed")
    assert create_run(shop, str(shop.path), "quick", 7, tmp_path / "reports").manifest.commit == clean.commit + "-dirty"


def test_every_change_that_no_commit_holds_has_a_digest_of_its_own(shop):
    home, seen = shop.path.parent, [changes_digest(shop, shop.path.parent / "reports")]
    changes = (("service.py", "one"), ("service.py", "two"), ("new.py", "one"), ("new.py", "two"), ("targets.toml", ""))
    for name, text in changes:
        (home / name).write_text(text)
        seen.append(changes_digest(shop, home / "reports"))
    assert len(set(seen)) == len(changes) + 1


def test_what_a_run_writes_and_logs_are_no_changes(shop):
    home = shop.path.parent
    before = changes_digest(shop, home / "reports")
    (home / "reports").mkdir()
    (home / "reports" / "kept.py").write_text("x")
    (home / "spike.log").write_text("x")
    assert changes_digest(shop, home / "reports") == before
