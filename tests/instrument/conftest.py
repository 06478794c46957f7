"""Start the workload, and never leave it running."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from kettle_workload import WORKLOAD

from perflab.instrument.interface import Target
from perflab.instrument.window import kill_group


@pytest.fixture
def start() -> Iterator[Callable[..., Target]]:
    """Start the workload on the first core and wait until it is ready; it is killed whatever happens."""
    running: list[subprocess.Popen[bytes]] = []

    def launch(argv: list[str], env: dict[str, str] | None = None) -> Target:
        popen = subprocess.Popen(["taskset", "-c", "0", *argv], env=env, cwd=WORKLOAD, stdout=subprocess.PIPE,
                                 start_new_session=True)  # fmt: skip
        running.append(popen)
        assert popen.stdout is not None
        assert popen.stdout.readline() == b"ready\n"
        return Target(WORKLOAD / "kettle", pid=popen.pid)

    yield launch
    for popen in running:
        kill_group(popen)
