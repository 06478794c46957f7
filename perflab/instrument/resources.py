"""Resources of the watched processes over time: one row per process and tick, written to Parquet at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from perflab.instrument import proc
from perflab.instrument.cpu_clock import living_cpu_s

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 200_000  # about 30 MB; beyond it every second tick is dropped and the rate halves


class Reading(NamedTuple):
    """One process, with its descendants, at one moment (CLOCK_MONOTONIC)."""

    process: str
    role: str
    t_ns: int
    cpu_s: float
    rss_bytes: int
    threads: int
    fds: int
    run_delay_s: float
    nivcsw: int


class ResourceSampler:
    """Read /proc for a set of {name: (role, pid)}, each with its descendants, `rate_hz` times a second.

    `cpu_s` (user + system, to the nanosecond; awaited children too, in ticks of 10 ms), `run_delay_s` and `nivcsw` are
    cumulative; a process that has ended yields no more rows. Use as a context manager around the measured window, then
    `write`. One tick costs about 0.3 ms per process; memory is bounded by halving the rate.
    """

    def __init__(self, watched: dict[str, tuple[str, int]], rate_hz: float = 5.0) -> None:
        self.watched, self.period = dict(watched), 1.0 / rate_hz
        self.rows: list[Reading] = []
        self._cores: dict[str, set[int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resources", daemon=True)

    def __enter__(self) -> ResourceSampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take a last reading and end the thread; safe to call twice."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(5)
            self._tick()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._tick()
            if len(self.rows) > MAX_ROWS:
                self._thin()
            due = max(due + self.period, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _thin(self) -> None:
        times = sorted({row.t_ns for row in self.rows})
        dropped = set(times[1:-1:2])
        self.rows = [row for row in self.rows if row.t_ns not in dropped]
        self.period *= 2

    def _tick(self) -> None:
        for row, cores in read_now(self.watched):
            self.rows.append(row)
            self._cores[row.role] = self._cores.get(row.role, set()) | cores

    def cores(self, role: str) -> list[int]:
        """Return the cores on which the processes of a role, descendants too, were free to run at any reading."""
        return sorted(self._cores.get(role, ()))

    def reached_cpu_s(self) -> dict[str, float]:
        """Return the most CPU seconds that any reading showed of each process, with its descendants, since its start.

        For a process that has ended, of which no clock can be read any more; the most and not the last, because a
        reading of one that is about to end can lack what it ran. Weakness: what ran after the last reading is missing.
        """
        reached: dict[str, float] = {}
        for row in self.rows:
            reached[row.process] = max(row.cpu_s, reached.get(row.process, 0.0))
        return reached

    def table(self, trial: str) -> pa.Table:
        """Return the rows as an Arrow table: `trial`, then the fields of a reading."""
        import pyarrow as pa

        kinds = [
            pa.string(),
            pa.string(),
            pa.int64(),
            pa.float64(),
            pa.int64(),
            pa.int32(),
            pa.int32(),
            pa.float64(),
            pa.int64(),
        ]
        columns = list(zip(*self.rows, strict=True)) or [()] * len(Reading._fields)
        arrays = [pa.array(column, type=kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.table(
            [pa.array([trial] * len(self.rows), type=pa.string()), *arrays], names=["trial", *Reading._fields]
        )

    def write(self, path: Path, trial: str) -> Path:
        """Write the rows as Parquet."""
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.table(trial), path, compression="zstd")
        return path


def read_now(watched: Mapping[str, tuple[str, int]]) -> list[tuple[Reading, frozenset[int]]]:
    """Return a reading of each of {name: (role, pid)} that lives, and the cores that its threads may run on.

    The clocks of all are read first and at once, so that they belong to the time of the rows: what takes longer comes
    after them.
    """
    families = {name: [pid, *proc.descendants(pid)] for name, (_, pid) in watched.items() if proc.alive(pid)}
    now = time.monotonic_ns()
    ran = {name: sum(map(living_cpu_s, family)) for name, family in families.items()}
    found = []
    for name, family in families.items():
        stats, places = [seen for seen in map(proc.stat, family) if seen], [proc.switches(pid) for pid in family]
        if not stats:
            continue  # it ended meanwhile
        row = Reading(
            process=name,
            role=watched[name][0],
            t_ns=now,
            cpu_s=ran[name] + sum(seen.children_cpu_s for seen in stats),
            rss_bytes=sum(seen.rss_bytes for seen in stats),
            threads=sum(seen.threads for seen in stats),
            fds=sum(map(proc.open_files, family)),
            run_delay_s=sum(proc.schedstat(pid).wait_s for pid in family),
            nivcsw=sum(place.involuntary for place in places),
        )
        found.append((row, frozenset[int]().union(*(place.cores for place in places))))
    return found
