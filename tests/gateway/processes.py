"""Real processes for the tests: the stand-ins and a gateway, on free ports, ended whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .state_servers import state_environment

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: Sequence[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command and end it: SIGTERM, then SIGKILL."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, env={**os.environ, **env}, stdout=output, stderr=output, cwd=ROOT)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(5)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait(5)


def wait_ready(url: str, started: subprocess.Popen[bytes], log: Path, timeout_s: float = 90.0) -> None:
    context = ssl._create_unverified_context()
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if started.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2, context=context):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} is not ready (exit code {started.poll()}): {log.read_text()[-2000:]}")


@dataclass(frozen=True)
class World:
    """The stand-ins that a gateway talks to."""

    folder: Path
    live_url: str
    codegen_url: str


@contextmanager
def world(folder: Path, *live_options: str) -> Iterator[World]:
    """Run both stand-ins."""
    folder.mkdir(parents=True, exist_ok=True)
    live_port, code_port = free_port(), free_port()
    live = [sys.executable, "-m", "perflab.standins.live", "--port", str(live_port), "--latency", "const-300",
            "--seed", "7", "--cert-dir", str(folder), "--log", str(folder / "live.rows"),
            "--pace", "40", *live_options]  # fmt: skip
    code = [sys.executable, "-m", "perflab.standins.codegen", "--port", str(code_port), "--seed", "7",
            "--log", str(folder / "codegen.rows")]  # fmt: skip
    logs = folder / "live.log", folder / "codegen.log"
    with process(live, {}, logs[0]) as first, process(code, {}, logs[1]) as second:
        wait_ready(f"https://127.0.0.1:{live_port}/healthz", first, logs[0])
        wait_ready(f"http://127.0.0.1:{code_port}/healthz", second, logs[1])
        yield World(folder, f"https://127.0.0.1:{live_port}", f"http://127.0.0.1:{code_port}")


@dataclass
class RunningGateway:
    """A gateway under test."""

    popen: subprocess.Popen[bytes]
    voice_port: int
    api: str
    log: Path
    database: Path
    codec: str


def gateway_command(world: World, database: Path, flags: dict[str, str], *options: str) -> tuple[list[str], int, int]:
    voice, api = free_port(), free_port()
    command = [sys.executable, "-m", "perflab.gateway", "--voice-port", str(voice), "--api-port", str(api),
               "--live-url", world.live_url, "--codegen-url", world.codegen_url, "--database", str(database),
               *(f"--flag={name}={value}" for name, value in flags.items()), *options]  # fmt: skip
    return command, voice, api


@contextmanager
def gateway(
    world: World, name: str, flags: dict[str, str], *options: str, plant: str = "", state_url: str = ""
) -> Iterator[RunningGateway]:
    """Run a gateway with these flags on top of the baseline, with a state server of its own unless one is given."""
    database, log = world.folder / f"{name}.sqlite", world.folder / f"{name}.log"
    command, voice, api = gateway_command(world, database, flags, *options)
    env: dict[str, Any] = {
        "SSL_CERT_FILE": str(world.folder / "ca.pem"),
        "GEMINI_API_KEY": "a-secret-key",
        "PERFLAB_PLANT": plant,
    }
    with (
        state_environment(flags.get("store", ""), log.with_suffix(".server.log"), state_url) as state,
        process(command, env | state, log) as started,
    ):
        wait_ready(f"http://127.0.0.1:{api}/healthz", started, log)
        yield RunningGateway(started, voice, f"http://127.0.0.1:{api}", log, database, flags.get("frames", "json64"))
