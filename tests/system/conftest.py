from __future__ import annotations

from pathlib import Path

import pytest

TEMPLATE = """
schema = 1
name = "small"
title = "A small server"
domain = "test"
judge = "optimised"

[load]
file = "load.py"
users = {{ SomeUser = 1 }}
primary = "SomeUser"

[[process]]
name = "server"
command = {command}
flag_format = "{{name}}={{value}}"
ready = {{ http = "http://127.0.0.1:{{port:http}}/", timeout_s = {timeout_s} }}

[endpoints]
http = "http://127.0.0.1:{{port:http}}"

[[scenario]]
name = "normal"
title = "Normal"
users = 2
duration_s = 10
quick_s = 2

[[flag]]
name = "speed"
optimised = "fast"
values = [{{ value = "slow" }}, {{ value = "fast", strategy = "S-1" }}, {{ value = "lossy", equivalence = "loss" }}]
{extra}
"""
SERVE = '["env", "{flags}", "{python}", "-m", "http.server", "{port:http}", "--bind", "127.0.0.1"]'


@pytest.fixture
def write_system(tmp_path: Path):
    def write(command: str = SERVE, timeout_s: float = 10, extra: str = "") -> Path:
        (tmp_path / "load.py").write_text("class SomeUser: ...\n")
        path = tmp_path / "small.toml"
        if "{flags}" not in command:
            command = f'["env", "{{flags}}", {command.strip()[1:]}'
        path.write_text(TEMPLATE.format(command=command, timeout_s=timeout_s, extra=extra), encoding="utf-8")
        return path

    return write
