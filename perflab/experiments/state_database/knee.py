"""How many accesses a minute each store takes: open arrivals at rising rates, at the store itself and without HTTP.

A client process holds one of the gateway's own stores and uses it as a gateway does. Client and store have the
system's core, whichever store it is (`perflab.benches.state.place` says why), so that the same client without any
store is asked beside it, at the same rates: where that one is late or out of CPU, a rung says nothing of the store.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from perflab.benches.state import rows
from perflab.benches.state.load import WRITES
from perflab.benches.state.place import Place, Served, arrive, empty, filled, syncs
from perflab.benches.state.seen import Client, Seen, look, look_at_client
from perflab.experiments.strategies.rate_ladder import climbed, knee_of
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.findings.trust import generator_cpu, generator_late, vetoes
from perflab.stats.interval import Interval
from perflab.system.spec import System

STORES = {"wal_batched": "SQLite", "postgres": "PostgreSQL", "redis": "Redis"}
READ_MS, WRITE_MS, JUDGED_PER_MIN = 5.0, 20.0, 60_000  # p99, and the rate that the optimised store is to take
RUNGS_PER_MIN = (10_000, 30_000, 60_000, 90_000, 120_000, 160_000, 240_000, 360_000)
QUICK_STORES, QUICK_RUNGS_PER_MIN, QUICK_SESSIONS = ("wal_batched",), (60_000, 120_000), 4_000
QUICK_S, FULL_S, ALONE_S, WARM_UP_S = 3.0, 6.0, 2.0, 1.0
SETTLE_S = 6.0  # before a second answer; a file system commits its journal every 5 s
FEWEST_WRITES = 600  # of a rung: their p99 needs 500 for its interval, and arrivals vary


@dataclass(frozen=True)
class Rung:
    """What one rate met at a store, and what the same client took by itself at that rate."""

    store: str
    per_min: int
    seen: Seen
    alone: Client

    @property
    def late(self) -> tuple[str, ...]:
        """Which of reads and writes are not surely within their limit at p99."""
        return tuple(what for what, p99, limit in self._judged() if p99.high is None or p99.high >= limit)

    @property
    def held(self) -> bool:
        """Whether p99 of reads and of writes is surely below its limit and no access failed."""
        return not self.late and not self.seen.failed

    @property
    def unsure(self) -> bool:
        """Whether an interval contains its limit and nothing else speaks against the rate: it may hold or not."""
        over = any(p99.low is not None and p99.low >= limit for _, p99, limit in self._judged())
        return bool(self.late) and not over and not self.seen.failed

    @property
    def core_percent(self) -> float:
        """What client, store and server took of the core that they share, percent."""
        return self.seen.cpu_percent + self.seen.server_percent

    @property
    def checks(self) -> tuple[TrustCheck, ...]:
        """Whether the client, without any store, kept this schedule and had CPU to spare."""
        return (
            generator_late(self.alone.late_p99_ms, self.alone.asked, "accesses without a store"),
            generator_cpu(self.alone.cpu_percent / 100),
        )

    @property
    def of_client(self) -> bool:
        """Whether the rate is beyond the client itself, so that the rung says nothing of the store."""
        return bool(vetoes(self.checks))

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        seen, alone = self.seen, self.alone
        return {
            "store": STORES[self.store], "accesses/min asked": f"{self.per_min:,}",
            "held": "yes" if self.held else "client's limit" if self.of_client else "no",
            "n": seen.asked, "failed": seen.failed,
            "read p50 (ms)": _text(seen.read_p50), "read p99 (ms)": _text(seen.read_p99),
            "write p50 (ms)": _text(seen.write_p50), "write p99 (ms)": _text(seen.write_p99),
            "began late, p99 (ms)": round(seen.late_p99_ms, 2), "core used (%)": round(self.core_percent),
            "client alone: late, p99 (ms)": round(alone.late_p99_ms, 2),
            "client alone: CPU (%)": round(alone.cpu_percent),
        }  # fmt: skip

    def _judged(self) -> tuple[tuple[str, Interval, float], ...]:
        return ("read", self.seen.read_p99, READ_MS), ("write", self.seen.write_p99, WRITE_MS)


@dataclass(frozen=True)
class Climb:
    """All rungs of one store as they were asked; `sync_p99_ms`: of the disk alone, before and after them."""

    store: str
    rows: int
    rungs: tuple[Rung, ...]
    sync_p99_ms: float

    @property
    def knee(self) -> tuple[Rung | None, Rung | None]:
        """The highest rung that held below the first that did not, and that one; of a rate the last answer counts."""
        return knee_of(tuple({rung.per_min: rung for rung in self.rungs}.values()))

    def first_at(self, per_min: int) -> Rung:
        """Return the first answer at a rate."""
        return next(rung for rung in self.rungs if rung.per_min == per_min)


def climb(study: Study) -> tuple[Climb, ...]:
    """Climb with every store that the system has; at quick effort with SQLite alone, two short rungs on fewer rows.

    A rung that does not hold is asked once more, when the disk has settled, and the second answer counts: a rate that
    is too much is so again, a stall of a machine that others share is not. Weakness: what holds every other time passes
    three times in four.
    """
    servers = stores_of(study)
    sessions = QUICK_SESSIONS if study.quick else rows.SESSIONS
    with ExitStack() as stack:
        alone = Alone(study, stack.enter_context(empty()))
        return tuple(_climbed(study, alone, store, server, sessions) for store, server in servers.items())


def stores_of(study: Study) -> dict[str, Served | None]:
    """Return the stores that the system's flag offers, with the server that its file gives each; None: a file."""
    offered = {value.value for flag in study.system.flag if flag.name == "store" for value in flag.values}
    wanted = [store for store in (QUICK_STORES if study.quick else STORES) if store in offered]
    return {store: _served(study.system, store) for store in wanted}


def _served(system: System, store: str) -> Served | None:
    """Return a store's server as the system's file has it, and the variable by which it tells its process the URL."""
    given = {text: name for process in system.system_processes for name, text in process.env.items()}
    for server in system.server:
        if server.when and server.needed_by({"store": store}):
            return Served(server.kind, given[f"{{server:{server.name}}}"], server.settings)
    return None


@dataclass
class Alone:
    """The client without a store; it is asked once for each rate."""

    study: Study
    place: Place

    known: dict[int, Client] = field(default_factory=dict)

    def at(self, per_min: int) -> Client:
        """Return how the client fared by itself at a rate."""
        if per_min not in self.known:
            self.known[per_min] = look_at_client(_ask(self.study, self.place, per_min, ALONE_S), WARM_UP_S)
        return self.known[per_min]


def _climbed(study: Study, alone: Alone, store: str, server: Served | None, sessions: int) -> Climb:
    rates = QUICK_RUNGS_PER_MIN if study.quick else RUNGS_PER_MIN
    study.progress("knee of the stores", 0, len(rates), f"rows into {STORES[store]}")
    with filled(store, lambda _: None, server, sessions) as place:
        before = syncs(place.path.parent)
        ask = partial(_rung, study, place, alone, Counter())
        rungs = climbed(rates, ask, lambda rung: not (rung.held or rung.of_client))
        floor = float(np.quantile(np.append(before, syncs(place.path.parent)), 0.99))
    return Climb(store, sessions * rows.PER_SESSION, rungs, floor)


def _rung(study: Study, place: Place, alone: Alone, times: Counter[int], per_min: int) -> Rung:
    rates = QUICK_RUNGS_PER_MIN if study.quick else RUNGS_PER_MIN
    study.progress(f"knee of {STORES[place.store]}", rates.index(per_min), len(rates), f"{per_min:,} accesses/min")
    by_itself = alone.at(per_min)
    if times[per_min]:
        os.sync()  # what held the first answer up may have been the writing of what came before
        time.sleep(SETTLE_S)
    seconds = seconds_of(study, per_min, QUICK_S if study.quick else FULL_S)
    found = _ask(study, place, per_min, seconds, times[per_min])
    times[per_min] += 1
    return Rung(place.store, per_min, look(found, WARM_UP_S), by_itself)


def _ask(study: Study, place: Place, per_min: int, seconds: float, repeat: int = 0) -> dict[str, np.ndarray]:
    """Send a rate for a while, other arrivals at each repeat; what comes first is to be left out."""
    return arrive(place, per_min / 60, WARM_UP_S + seconds, seed=study.seed + repeat)


def seconds_of(study: Study, per_min: int, seconds: float) -> float:
    """Return how long a rung is judged, at least until its writes are enough for their p99 with an interval."""
    return max(seconds * study.time_scale, FEWEST_WRITES / (WRITES * per_min / 60))


def _text(seen: Interval) -> str:
    """Show an estimate of milliseconds with its bounds, for a table's cell."""
    bounds = f" ({seen.low:.2f} to {seen.high:.2f})" if seen.low is not None and seen.high is not None else ""
    return f"{seen.value:.2f}{bounds}"
