"""A store that holds the rows, and a client process that uses it: this side knows nothing of the gateway's code.

Client and store have one core, the system's, whichever store it is: SQLite works inside the client, as it does inside
a gateway, and a server runs beside the client, as the system's file and the experiments have it. A server on another
core would be given a core more than SQLite, and the stores could not be compared. Weakness: what the client itself
takes of that core is in every figure; its share and how late it began stand in the details.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from perflab.benches.parts import Say
from perflab.benches.state import rows
from perflab.benches.state.load import NO_STORE, Load
from perflab.errors import InstrumentFailure
from perflab.instrument.cpu_clock import tree_cpu_s
from perflab.system.cores import default_cores
from perflab.system.servers.kinds import Settings
from perflab.system.servers.server import embedded

LIMIT_S = 150.0


@dataclass(frozen=True)
class Served:
    """The server that a store needs: its kind, the variable in which the client finds its URL, and its settings."""

    kind: str
    variable: str
    settings: Settings


@dataclass(frozen=True)
class Place:
    """A store that holds rows: its flag value, its file, the environment in which clients find it, its server's pid."""

    store: str
    path: Path
    environment: dict[str, str] = field(default_factory=dict)
    sessions: int = rows.SESSIONS
    server: int = 0


@contextmanager
def filled(store: str, say: Say, server: Served | None = None, sessions: int = rows.SESSIONS) -> Iterator[Place]:
    """Yield the store with its rows in it; a server runs on the core of the system, where its client does.

    All that filling left in memory is on the disk by then: it would hold up the syncs that are measured.
    """
    say(f"  {sessions * rows.PER_SESSION:,} rows into {store} ...")
    with tempfile.TemporaryDirectory(prefix="perflab-state-") as folder:
        path, log = Path(folder) / "state.sqlite", Path(folder) / "server.log"
        if server is None:
            place = Place(store, path, sessions=sessions)
            arrive(place, 0.0, 0.0)  # the store makes its tables
            rows.fill_sqlite(path, sessions)
            os.sync()
            yield place
            return
        with embedded(server.kind, log, settings=server.settings, cores=default_cores().system) as started:
            place = Place(store, path, {server.variable: started.url}, sessions, started.process.pid)
            if server.kind == "postgres":
                arrive(place, 0.0, 0.0)
                rows.fill_postgres(started.url, sessions)
            else:
                rows.fill_redis(started.url, sessions)
            os.sync()
            yield place


@contextmanager
def empty() -> Iterator[Place]:
    """Yield the place without a store, in which the client is by itself."""
    with tempfile.TemporaryDirectory(prefix="perflab-state-") as folder:
        yield Place(NO_STORE, Path(folder) / "none")


def arrive(place: Place, per_s: float, seconds: float, pool: int = 8, seed: int = 7) -> dict[str, np.ndarray]:
    """Run a client on the system's core and return its rows; raises InstrumentFailure when it does not end well.

    `server_cpu_s`: what the place's server took meanwhile, the opening of the connections with it; 0 without one.
    """
    load = Load(place.store, str(place.path), per_s, seconds, place.sessions, seed=seed, pool=pool,
                core=default_cores().system[0])  # fmt: skip
    out = place.path.with_name("arrivals.npz")
    command = [sys.executable, "-m", "perflab.benches.state.client", json.dumps(asdict(load)), str(out)]
    before = tree_cpu_s(place.server) if place.server else 0.0
    done = subprocess.run(command, env={**os.environ, **place.environment}, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)  # fmt: skip
    if done.returncode != 0:
        raise InstrumentFailure("P201", f"The client of {place.store} ended with {done.returncode}", "",
                                f"It said: {done.stderr.strip()[-300:]}")  # fmt: skip
    spent = tree_cpu_s(place.server) - before if place.server else 0.0
    with np.load(out) as found:
        return {**found, "server_cpu_s": np.array(spent)}


def syncs(folder: Path, count: int = 150) -> np.ndarray:
    """Return how long (ms) the disk takes to make 4 KiB at the end of a file durable, one after another."""
    took = np.zeros(count)
    with (folder / "syncs").open("ab", buffering=0) as file:
        for index in range(count):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took[index] = 1e3 * (time.perf_counter() - began)
            time.sleep(0.004)
    return took
