"""Real servers for the state of a gateway under test, as its system's file would start them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from perflab.gateway.settings import POSTGRES_URL, REDIS_URL, REPLICA_URL
from perflab.system.servers.server import EmbeddedServer, embedded

SYNCED = {"appendonly": True, "appendfsync": "always"}
SETTINGS = {"redis": SYNCED, "postgres": {"max_connections": 12, "superuser_reserved_connections": 0}}
VARIABLE = {"redis": REDIS_URL, "postgres": POSTGRES_URL}


@contextmanager
def state_server(store: str, log: Path) -> Iterator[EmbeddedServer]:
    with embedded(store, log, settings=SETTINGS[store]) as server:
        yield server


@contextmanager
def replica_of(primary: EmbeddedServer, log: Path) -> Iterator[EmbeddedServer]:
    with embedded("postgres", log, settings={"replica_of": primary.url}) as server:
        yield server


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """Stop a server and its children, of which PostgreSQL has one for each connection, without ending them."""
    pids = [server.process.pid]
    os.kill(pids[0], signal.SIGSTOP)  # the first: no new child appears
    pids += [child.pid for child in psutil.Process(pids[0]).children(recursive=True)]
    try:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def state_environment(store: str, log: Path, url: str = "") -> Iterator[dict[str, str]]:
    """Start what a value of the store flag needs (or take `url`), and yield the gateway's environment for it."""
    if store == "postgres_split":
        with state_server("postgres", log) as server, replica_of(server, log.with_suffix(".replica")) as replica:
            yield {POSTGRES_URL: server.url, REPLICA_URL: replica.url}
        return
    if store not in SETTINGS or url:
        yield {VARIABLE[store]: url} if url else {}
        return
    with state_server(store, log) as server:
        yield {VARIABLE[store]: server.url}
