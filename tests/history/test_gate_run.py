"""The gate, whole: a git repository, two commits, a real service over a real Redis, a planted slowdown."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.history import notes_repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SIZES = ("--users", "4", "--units", "4", "--blocks", "6", "--margin", "0.25")


def gate(toml, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perflab", "gate", "--system", str(toml), "--baseline", "good", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=500)


def test_nothing_is_measured_without_a_suspect(tmp_path):
    done = gate(notes_repository.make(tmp_path / "repo"), "--json", str(tmp_path / "gate.json"))
    assert done.returncode == 0 and "No suspect" in done.stdout
    assert json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["outcome"] == "no suspect"


@pytest.mark.parametrize(("seconds", "expected"), [(0.004, 1), (0.0, 0)])
def test_a_planted_slowdown_is_found_and_two_equal_commits_pass(tmp_path, seconds, expected):
    toml = notes_repository.make(tmp_path / "repo")
    if seconds:
        notes_repository.slow_down(toml, seconds)
    else:
        notes_repository.commit(tmp_path / "repo", "nothing that runs")
    for _ in range(2):  # a null arm that fails by chance is refused, rightly; once more decides
        done = gate(toml, "--metric", "CPU", "--json", str(tmp_path / "gate.json"), "--", *SIZES)
        if done.returncode != 3:
            break
    assert done.returncode == expected, done.stdout + done.stderr
    body = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    cpu = next(f for f in body["figures"] if f["column"] == "cpu_ms_per_unit")
    assert cpu["confirmed"] is bool(seconds) and cpu["comparison"]["n"] == 6
    if seconds:
        assert 3.0 < cpu["after"] - cpu["before"] < 6.0  # 4 ms of CPU were planted into each request
        assert "CPU" in done.stdout and "Next: perflab profile" in done.stdout
    assert len(notes_repository.git(tmp_path / "repo", "worktree", "list").splitlines()) == 1
