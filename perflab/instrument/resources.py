"""Resources of the watched processes over time: one row per process and tick, written to Parquet at the end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from perflab.instrument import proc
from perflab.instrument.cpu_clock import living_cpu_s

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("process", "role", "t_ns", "cpu_s", "rss_bytes", "threads", "fds", "run_delay_s", "nivcsw")
MAX_ROWS = 200_000  # about 30 MB; beyond it every second tick is dropped and the rate halves


class ResourceSampler:
    """Read /proc for a set of {name: (role, pid)}, each with its descendants, `rate_hz` times a second.

    `cpu_s` (user + system, to the nanosecond; awaited children too, in ticks of 10 ms), `run_delay_s` and `nivcsw` are
    cumulative; a process that has ended yields no more rows. Use as a context manager around the measured window, then
    `write`. One tick costs about 0.3 ms per process; memory is bounded by halving the rate.
    """

    def __init__(self, watched: dict[str, tuple[str, int]], rate_hz: float = 5.0) -> None:
        self.watched, self.period = dict(watched), 1.0 / rate_hz
        self.rows: list[tuple[str, str, int, float, int, int, int, float, int]] = []
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
        times = sorted({row[2] for row in self.rows})
        dropped = set(times[1:-1:2])
        self.rows = [row for row in self.rows if row[2] not in dropped]
        self.period *= 2

    def _tick(self) -> None:
        now = time.monotonic_ns()
        for name, (role, pid) in self.watched.items():
            row = sample(pid)
            if row is not None:
                self.rows.append((name, role, now, *row))
                allowed = map(proc.allowed_cores, [pid, *proc.descendants(pid)])
                self._cores[role] = self._cores.get(role, set()).union(*allowed)

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
            reached[row[0]] = max(row[3], reached.get(row[0], 0.0))
        return reached

    def table(self, trial: str) -> pa.Table:
        """Return the rows as an Arrow table: `trial` and then COLUMNS."""
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
        columns = list(zip(*self.rows, strict=True)) or [()] * len(COLUMNS)
        arrays = [pa.array(column, type=kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.table([pa.array([trial] * len(self.rows), type=pa.string()), *arrays], names=["trial", *COLUMNS])

    def write(self, path: Path, trial: str) -> Path:
        """Write the rows as Parquet."""
        import pyarrow.parquet as pq

        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.table(trial), path, compression="zstd")
        return path


def sample(pid: int) -> tuple[float, int, int, int, float, int] | None:
    """Return cpu_s, rss_bytes, threads, fds, run_delay_s, nivcsw of a process with descendants; None if it ended."""
    own = proc.stat(pid)
    if own is None or own.state in "ZX":
        return None
    pids = [pid, *proc.descendants(pid)]
    ran = sum(map(living_cpu_s, pids))  # first: the row's time was read just before
    stats = [seen for seen in map(proc.stat, pids) if seen]
    return (
        ran + sum(seen.children_cpu_s for seen in stats),
        sum(seen.rss_bytes for seen in stats),
        sum(seen.threads for seen in stats),
        sum(map(proc.open_files, pids)),
        sum(proc.schedstat(p).wait_s for p in pids),
        sum(map(proc.involuntary_switches, pids)),
    )
