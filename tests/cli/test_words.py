"""What the command line says: examples that run, progress that says what it waits for, a lab that opens."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

import pytest
from typer.testing import CliRunner

from perflab.cli import load
from perflab.cli.app import app
from perflab.errors import UsageError
from perflab.instrument.callable_target import find
from perflab.system.load_file import load_system


def test_the_callables_that_are_named_as_examples_can_be_called(root):
    shown = " ".join(CliRunner().invoke(app, ["profile", "--help"]).stdout.split())
    for text in (shown, (root / "README.md").read_text(encoding="utf-8")):
        [(name, words)] = re.findall(r"--callable ([\w.]+:[\w.]+)((?: --kwargs '[^']*')?)", text)
        given = shlex.split(words)
        find(name)(**json.loads(given[1] if given else "{}"))


def test_progress_says_once_what_it_waits_for_after_the_last_second(capsys):
    progress = load.Progress(12.0, 10.0)
    for tick in range(45):
        progress.tell(0.52 * tick)
    said = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert said == ["0 of 12 s", "5 of 12 s", "10 of 12 s", "12 of 12 s; waiting up to 10 s for the last answers"]


def test_progress_of_a_load_shorter_than_its_step_still_ends(capsys):
    progress = load.Progress(1.0, 6.0)
    for at in (0.1, 0.6, 1.1, 1.6, 30.0):
        progress.tell(at)
    assert "waiting up to 6 s" in capsys.readouterr().err.splitlines()[-1]


def test_a_condition_without_value_is_told_its_form(root):
    system = load_system(root / "data/systems/voice_gateway.toml")
    one = system.condition[0]
    for text in ("x", one.name):
        with pytest.raises(UsageError, match=f"NAME=VALUE.*{one.name}={re.escape('|'.join(one.values))}"):
            load.parse_conditions(system, [text])
    with pytest.raises(UsageError, match="Unknown condition 'x=1'"):
        load.parse_conditions(system, ["x=1"])
    assert load.parse_conditions(system, [f"{one.name}={one.values[0]}"]) == {one.name: one.values[0]}


@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False), ("10", False)])
def test_the_lab_opens_for_root_too_and_on_the_loopback_alone(root, tmp_path, user, allowed):
    """Nothing is started: make is asked what it would run."""
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    env["PATH"] = f"{tmp_path}{os.pathsep}{env['PATH']}"
    done = subprocess.run(["make", "-n", "lab"], cwd=root, env=env, capture_output=True, text=True, timeout=60)
    [line] = [line for line in done.stdout.splitlines() if "jupyter lab" in line]
    assert ("--allow-root" in line) is allowed and "--ServerApp.ip=127.0.0.1" in line
