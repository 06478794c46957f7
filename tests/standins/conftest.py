import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perflab.standins.conformance import read_url, started


@dataclass
class LiveProcess:
    """A Live stand-in in its own process."""

    url: str
    folder: Path
    pid: int
    process: object

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    @property
    def websocket(self) -> str:
        return (
            self.url.replace("https", "wss")
            + "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
        )


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Callable[..., LiveProcess]]:
    """Start Live stand-ins: live("--faults", ..., latency="const-0")."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, latency: str = "const-0") -> LiveProcess:
            process = stack.enter_context(started(tmp_path, latency, list(options)))
            return LiveProcess(read_url(process), tmp_path, process.pid, process)

        yield start


@pytest.fixture(scope="module")
def shared_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProcess]:
    """One Live stand-in without faults, for the tests of a module that leave no trace in it."""
    folder = tmp_path_factory.mktemp("live")
    with started(folder, "const-0", []) as process:
        yield LiveProcess(read_url(process), folder, process.pid, process)
