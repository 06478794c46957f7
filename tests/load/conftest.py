"""Servers and plans that the load tests share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perflab.load.plan import LoadPlan

HERE = Path(__file__).parent
ECHO_USERS = HERE / "echo_users.py"


@contextmanager
def server(script: str, *arguments: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def echo_url() -> Iterator[str]:
    with server("echo_server.py") as (port, _):
        yield f"ws://127.0.0.1:{port}/"


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., LoadPlan]:
    def make(**changes: object) -> LoadPlan:
        values: dict[str, object] = {
            "name": "test", "host": "", "endpoints": {}, "users": {"EchoUser": 1.0}, "primary": "EchoUser",
            "steps": ((0.0, 3),), "duration_s": 2.0, "out_dir": str(tmp_path / "load"), "drain_s": 3.0,
        }  # fmt: skip
        return LoadPlan(**{**values, **changes})  # type: ignore[arg-type]

    return make
