"""The three commands: help with examples, and one line for bad input."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from perflab.cli.app import app
from perflab.errors import PerflabError
from tests.history.runs import make_run


def call(*words: str):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("command", ["compare", "history", "gate"])
def test_help_shows_examples(command):
    done = call(command, "--help")
    assert done.exit_code == 0 and f"perflab {command}" in done.output and "Example" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "latest", "latest"), "No run below"),
        (("history", "--add", "nope"), "No run below"),
        (("gate", "--baseline", "main", "--system", "none.toml"), "no such file"),
        (("gate", "--baseline", "main", "--", "--blok", "3"), "After --"),
        (("gate", "--baseline", "main", "--metric", "colour"), "cannot measure"),
        (("gate", "--baseline", "no-such-ref", "--always"), "is no commit|no git repository"),
        (("gate", "--baseline", "variant:best", "--always"), "Unknown variant"),
        (("gate", "--baseline", "none.toml", "--always"), "no such file"),
        (("gate", "--baseline", "variant:baseline", "--always", "--", "--blocks", "3"), "cannot confirm"),
    ],
)
def test_bad_input_is_one_clear_error(words, said, root, monkeypatch):
    monkeypatch.chdir(root)
    done = call(*words)
    assert isinstance(done.exception, PerflabError) and re.search(said, str(done.exception)), done.output
    assert "\n" not in str(done.exception) and done.exception.exit_code == 2


def test_history_adds_and_lists_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    make_run(tmp_path, 1)
    assert call("history", "--add", "latest").exit_code == 0
    done = call("history")
    assert done.exit_code == 0 and "3 series of 1 run from one environment" in done.output
    assert call("compare", "latest", "latest").exit_code == 0
