"""A server of one's own for one trial: started from a wheel, watched, stopped, and its folder removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import SystemFailure
from perflab.system.ports import free_port
from perflab.system.process import ManagedProcess, start_process, wait_for
from perflab.system.servers.folder import ServerFolder, sweep
from perflab.system.servers.identity import Identity, server_identity
from perflab.system.servers.kinds import KINDS, Prepared, Settings, kind_named

START_S = 30.0


@dataclass
class EmbeddedServer:
    """A server that runs; `url` carries its password."""

    name: str
    role: str
    folder: ServerFolder
    prepared: Prepared
    identity: Identity
    log_path: Path
    cores: tuple[int, ...]
    process: ManagedProcess

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return self.prepared.url

    def kill(self) -> None:
        """End it as a crash would (SIGKILL); its data stay for `restart`. For tests of faults."""
        self.process.popen.kill()
        self.process.popen.wait()

    def restart(self) -> None:
        """Start it again on the same data and port, and wait until it serves; it must have ended."""
        self.process = _start(self.name, self.role, self.prepared, self.identity, self.log_path, self.cores)
        wait_for(lambda: self.prepared.ready(self.process.pid), self.process, START_S, "readiness")

    def stop(self) -> None:
        """Stop it and remove its folder; safe to call twice."""
        try:
            self.process.stop()
        finally:
            self.folder.remove()


def required(kind: str) -> str:
    """Return what is missing to start a server of this kind and what mends it; empty when nothing is."""
    found = kind_named(kind)
    if found.programs() is not None:
        return ""
    return f"no {found.TITLE} server: {found.REMEDY}, or give the url of a server of your own"


def start_server(
    kind: str, name: str, log_path: Path, *, settings: Settings | None = None, role: str = "standin",
    cores: tuple[int, ...] = (),
) -> EmbeddedServer:  # fmt: skip
    """Start a server of `kind` on a free port of the loopback and wait until it serves.

    Data lie in a folder of its own under the temporary folder, never below the run's: as root the server runs as
    `nobody`, who may not enter every folder, and no mode outside is changed so that it may.
    Raises SystemFailure when the wheel is missing, or with its last lines when it does not get ready.
    """
    if missing := required(kind):
        raise SystemFailure(f"Server {name}: {missing}")
    sweep()
    identity = server_identity()
    folder = ServerFolder(kind, identity)
    try:
        prepared = kind_named(kind).prepare(folder.path, free_port(), settings or {}, identity)
        process = _start(name, role, prepared, identity, log_path, cores)
    except BaseException:
        folder.remove()
        raise
    server = EmbeddedServer(name, role, folder, prepared, identity, log_path, cores, process)
    try:
        wait_for(lambda: prepared.ready(server.process.pid), process, START_S, "readiness")
    except BaseException:
        server.stop()
        raise
    return server


@contextmanager
def embedded(kind: str, log_path: Path, *, settings: Settings | None = None, cores: tuple[int, ...] = ()
             ) -> Iterator[EmbeddedServer]:  # fmt: skip
    """Run a server for a while, outside any system: for benches and tests."""
    server = start_server(kind, kind, log_path, settings=settings, cores=cores)
    try:
        yield server
    finally:
        server.stop()


def _start(name: str, role: str, prepared: Prepared, identity: Identity, log_path: Path, cores: tuple[int, ...]
           ) -> ManagedProcess:  # fmt: skip
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}  # a user's PGPORT, PGDATA, ...
    return start_process(
        name, role, prepared.argv, env=env, cwd=Path("/"), log_path=log_path, cores=cores,
        stop_signal=prepared.stop_signal, user=identity.popen_options,
    )  # fmt: skip


__all__ = ["KINDS", "EmbeddedServer", "embedded", "required", "start_server"]
