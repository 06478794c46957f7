"""A second worker of a running system: the same command and environment, on ports of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from perflab.system.launch import RunningSystem
from perflab.system.ports import choose_ports
from perflab.system.process import start_process, wait_for


@dataclass(frozen=True)
class StartedAs:
    """A process's command line and environment."""

    command: tuple[str, ...]
    environment: dict[str, str]


def started_as(running: RunningSystem, process: str = "gateway") -> StartedAs:
    """Return what a process was started with, from /proc: it must be alive."""
    proc = Path(f"/proc/{running.processes[process].pid}")
    command = (part.decode() for part in proc.joinpath("cmdline").read_bytes().split(b"\0")[:-1])
    pairs = (part.decode().partition("=") for part in proc.joinpath("environ").read_bytes().split(b"\0") if part)
    return StartedAs(tuple(command), {name: value for name, _, value in pairs})


@contextmanager
def second_worker(
    running: RunningSystem, process: str = "gateway", was: StartedAs | None = None
) -> Iterator[dict[str, str]]:
    """Start a process of the system once more and yield its endpoints; it shares file, servers and stand-ins.

    Every argument that is a port of an endpoint gets a new one. It has the same cores as the first. `was`: what the
    first, which may be dead by now, was started with.
    """
    was = was or started_as(running, process)
    used = {urlsplit(url).port for url in running.endpoints.values()}
    fresh = iter(choose_ports(running.system).values())
    ports = {str(port): str(next(fresh)) for port in used if port is not None and str(port) in was.command}
    endpoints = {name: _moved(url, ports) for name, url in running.endpoints.items()}
    started = start_process(
        f"{process}-2", "system", [ports.get(part, part) for part in was.command], env=was.environment,
        cwd=Path.cwd(), log_path=running.trial_dir / f"{process}-2.log", cores=running.cores.system,
    )  # fmt: skip
    try:
        wait_for(lambda: _answers(endpoints["api"]), started, 30.0, endpoints["api"])
        yield endpoints
    finally:
        started.stop()


def _moved(url: str, ports: dict[str, str]) -> str:
    port = str(urlsplit(url).port)
    return url.replace(f":{port}", f":{ports.get(port, port)}")


def _answers(url: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2):
            return True
    except OSError:
        return False
