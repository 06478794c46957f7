"""On which cores a process starts: what sizes its pools by them must find those that it will run on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from perflab.system.cores import default_cores
from perflab.system.launch import launch
from perflab.system.load_file import load_system
from perflab.system.variant import variant

ASK = "grep Cpus_allowed_list /proc/self/status; exec {} -m http.server {{port:http}} --bind 127.0.0.1"


@pytest.mark.skipif(default_cores().shared, reason="system and world share the cores of this machine")
@pytest.mark.parametrize("own_python", [False, True])
def test_what_perflab_does_not_run_itself_starts_on_the_cores_it_is_measured_on(
    write_system: Any, tmp_path: Path, own_python: bool
) -> None:
    last = ', "{python}"]' if own_python else "]"
    command = f'["env", "{{flags}}", "sh", "-c", "{ASK.format(sys.executable)}"{last}'
    system, cores = load_system(write_system(command)), default_cores()
    with launch(system, variant(system, "baseline"), tmp_path / "trial", cores=cores) as running:
        told = running.processes["server"].log_path.read_text(encoding="utf-8").split()[1]
    first = {core for part in told.split(",") for core in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)}
    assert first == ({*cores.system, *cores.others} if own_python else set(cores.system))
