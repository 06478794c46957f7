"""One store under open arrivals, and the bars that it is held to.

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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.benches.state import rows
from perflab.benches.state.client import WRITE_TURN, Load
from perflab.benches.state.settings import SERVER_SETTINGS, VARIABLES
from perflab.errors import InstrumentFailure
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.stats.interval import Interval
from perflab.stats.latency import NOT_NEGATIVE, sectioned_mean, sectioned_quantile
from perflab.system.cores import default_cores, stay_on
from perflab.system.servers.kinds import Settings
from perflab.system.servers.server import embedded

KNEE_PER_MIN, ASKED_PER_MIN = 60_000, 10_000
OFFERED_ABOVE = 1.05  # Poisson arrivals of a minute vary; offering 5 % more keeps "at least" from being a coin flip
KNEE_S, ASKED_S, WARM_UP_S = 24.0, 20.0, 4.0  # so long that a p99 of the writes at the lower rate has its interval
PARTS = 20  # of a run, at least: each counts what was answered in it
LIMIT_S = 150.0


@dataclass(frozen=True)
class Place:
    """A store that holds the rows: its flag value, its file, and the environment in which clients find it."""

    store: str
    path: Path
    environment: dict[str, str]


@dataclass(frozen=True)
class Seen:
    """What one run of arrivals showed, its first seconds left out."""

    per_min: Interval
    read_p99: Interval
    write_p99: Interval
    failed: int
    late_p99_ms: float
    cpu_percent: float
    durability: str


@contextmanager
def filled(store: str, say: Say, settings: Settings) -> Iterator[Place]:
    """Yield the store with a million rows in it; a server runs on the core of the system, where its client does.

    All that filling left in memory is on the disk by then: it would hold up the syncs that are measured.
    """
    say(f"  {rows.ROWS:,} rows into {store} ...")
    with tempfile.TemporaryDirectory(prefix="perflab-state-") as folder:
        path, log = Path(folder) / "state.sqlite", Path(folder) / "server.log"
        if store == "wal_batched":
            implementation("store", "connect").build(StoreSettings(path), lambda sql: sql).open()
            rows.fill_sqlite(path)
            os.sync()
            yield Place(store, path, {})
            return
        with embedded(store, log, settings=settings, cores=default_cores().system) as server:
            place = Place(store, path, {VARIABLES[store]: server.url})
            if store == "postgres":
                arrive(place, 1.0, 0.5)  # the store makes its tables
                rows.fill_postgres(server.url)
            else:
                rows.fill_redis(server.url)
            os.sync()
            yield place


def arrive(place: Place, per_s: float, seconds: float, pool: int = 8) -> dict[str, np.ndarray]:
    """Run a client on the system's core and return its rows; raises InstrumentFailure when it does not end well."""
    load = Load(place.store, str(place.path), per_s, seconds, rows.SESSIONS, pool=pool, core=default_cores().system[0])
    out = place.path.with_name("arrivals.npz")
    command = [sys.executable, "-m", "perflab.benches.state.client", json.dumps(asdict(load)), str(out)]
    done = subprocess.run(command, env={**os.environ, **place.environment}, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)  # fmt: skip
    if done.returncode != 0:
        raise InstrumentFailure("P201", f"The client of {place.store} ended with {done.returncode}", "",
                                f"It said: {done.stderr.strip()[-300:]}")  # fmt: skip
    with np.load(out) as found:
        return dict(found)


def look(found: dict[str, np.ndarray]) -> Seen:
    """Judge a run from the moment each operation was due; the p99 of dependent samples is bounded by sectioning."""
    table = found["rows"][found["rows"][:, 1] >= WARM_UP_S]
    kind, due, begun, ended, answered = table.T
    waited = 1e3 * (ended - due)
    read, write = waited[kind != WRITE_TURN], waited[kind == WRITE_TURN]
    return Seen(
        per_min=_answered_per_min(found["rows"]),
        read_p99=sectioned_quantile(read, 0.99, log=True),
        write_p99=sectioned_quantile(write, 0.99, sections=10 if len(write) >= 1000 else 5, log=True),
        failed=int((answered == 0).sum()),
        late_p99_ms=float(np.quantile(1e3 * (begun - due), 0.99)),
        cpu_percent=100 * float(found["cpu_s"]) / float(found["rows"][:, 3].max()),
        durability=str(found["durability"]),
    )


def _answered_per_min(table: np.ndarray) -> Interval:
    """Return the operations answered a minute until the last was due, bounded from equal parts of that time.

    Without bounds where all parts are alike.
    """
    end = float(table[:, 1].max())
    edges = np.linspace(WARM_UP_S, end, max(PARTS, int(end - WARM_UP_S)) + 1)
    per_min = 60.0 * np.histogram(table[table[:, 4] > 0, 3], edges)[0] / np.diff(edges)
    if np.ptp(per_min):
        return sectioned_mean(per_min, within=NOT_NEGATIVE)
    return Interval(float(per_min[0]), None, None, 0.95, per_min.size, f"{per_min.size} parts, all alike")


def bars_of(store: str, name: str, say: Say, settings: Settings | None = None) -> list[Bar]:
    """Measure one store: at the asked 10,000 a minute, then at 60,000, with the disk's own syncs just before and after.

    No store that syncs before it acknowledges can be faster than the disk: that floor stands beside every figure.
    """
    stay_on(default_cores().others)
    with filled(store, say, settings if settings is not None else SERVER_SETTINGS.get(store, {})) as place:
        asked = look(arrive(place, OFFERED_ABOVE * ASKED_PER_MIN / 60, ASKED_S))
        before = syncs(place.path.parent)
        knee = look(arrive(place, OFFERED_ABOVE * KNEE_PER_MIN / 60, KNEE_S))
        floor = np.quantile(np.append(before, syncs(place.path.parent)), (0.5, 0.99))
    say(f"  {name}: {knee.durability}; a sync alone takes {floor[0]:.1f} ms here, p99 {floor[1]:.1f} ms")
    say(f"  the client itself began {knee.late_p99_ms:.1f} ms late (p99), which is in the figures: they count from due")
    sized = ((asked, ASKED_PER_MIN, 50, 100), (knee, KNEE_PER_MIN, 5, 20))
    return [bar for seen in sized for bar in _bars(name, *seen, floor)]


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


def _bars(name: str, seen: Seen, per_min: int, read_ms: float, write_ms: float, floor: np.ndarray) -> list[Bar]:
    detail = {
        "durability": seen.durability, "failed": seen.failed, "late_p99_ms": seen.late_p99_ms, "rows": rows.ROWS,
        "client_cpu_percent": seen.cpu_percent, "sync_p50_ms": float(floor[0]), "sync_p99_ms": float(floor[1]),
    }  # fmt: skip
    key, title = (
        f"{name.replace(', ', '-').replace(' ', '-').lower()}-{per_min // 1000}k",
        f"store of the optimised variant, without HTTP: {name}, {per_min:,}/min offered, 80/20",
    )
    rate = measured(f"{key}-rate", f"{title}: answered", seen.per_min, ">=", per_min, "queries/min", detail)
    if seen.failed:  # a store that refuses some does not carry the rate
        rate = replace(rate, value=0.0, interval=None)
    return [
        rate,
        measured(f"{key}-read", f"{title}: read p99", seen.read_p99, "<", read_ms, "ms"),
        measured(f"{key}-write", f"{title}: write p99", seen.write_p99, "<", write_ms, "ms"),
    ]
