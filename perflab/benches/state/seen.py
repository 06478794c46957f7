"""What one run of arrivals at a store showed, judged from the moment each operation was due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perflab.benches.state.load import WRITE_TURN
from perflab.stats.interval import Interval
from perflab.stats.latency import NOT_NEGATIVE, section_minimum_n, sectioned_mean, sectioned_quantile

WARM_UP_S = 4.0
PARTS = 20  # of a run, at least: each counts what was answered in it


@dataclass(frozen=True)
class Seen:
    """What one run of arrivals showed, its first seconds left out; CPU in percent of a core, that of servers apart."""

    per_min: Interval
    read_p50: Interval
    read_p99: Interval
    write_p50: Interval
    write_p99: Interval
    failed: int
    late_p99_ms: float
    cpu_percent: float
    server_percent: float
    durability: str

    @property
    def asked(self) -> int:
        """How many operations were due."""
        return self.read_p99.n + self.write_p99.n


@dataclass(frozen=True)
class Client:
    """What the client itself did in a run: how late it began operations (p99), and its CPU in percent of a core."""

    late_p99_ms: float
    cpu_percent: float
    asked: int


def look_at_client(found: dict[str, np.ndarray], warm_up_s: float) -> Client:
    """Return how the client fared, of the operations that were due after the warm-up; its CPU is of the whole run."""
    table = found["rows"]
    _, due, begun, *_ = table[table[:, 1] >= warm_up_s].T
    return Client(
        late_p99_ms=float(np.quantile(1e3 * (begun - due), 0.99)),
        cpu_percent=100 * float(found["cpu_s"]) / float(table[:, 3].max()),
        asked=len(due),
    )


def look(found: dict[str, np.ndarray], warm_up_s: float = WARM_UP_S) -> Seen:
    """Judge a run from the moment each operation was due; quantiles of dependent samples are bounded by sectioning."""
    table = found["rows"][found["rows"][:, 1] >= warm_up_s]
    kind, due, _, ended, answered = table.T
    waited = 1e3 * (ended - due)
    read, write = waited[kind != WRITE_TURN], waited[kind == WRITE_TURN]
    client = look_at_client(found, warm_up_s)
    return Seen(
        per_min=_answered_per_min(found["rows"], warm_up_s),
        read_p50=_quantile(read, 0.5),
        read_p99=_quantile(read, 0.99),
        write_p50=_quantile(write, 0.5),
        write_p99=_quantile(write, 0.99),
        failed=int((answered == 0).sum()),
        late_p99_ms=client.late_p99_ms,
        cpu_percent=client.cpu_percent,
        server_percent=100 * float(found["server_cpu_s"]) / float(found["rows"][:, 3].max()),
        durability=str(found["durability"]),
    )


def _quantile(waited: np.ndarray, q: float) -> Interval:
    """Return a quantile with its interval; from half as many sections where ten would be too short for it."""
    return sectioned_quantile(waited, q, 10 if len(waited) >= section_minimum_n(q, 10) else 5, log=True)


def _answered_per_min(table: np.ndarray, warm_up_s: float) -> Interval:
    """Return the operations answered a minute until the last was due, bounded from equal parts of that time.

    Without bounds where all parts are alike.
    """
    end = float(table[:, 1].max())
    edges = np.linspace(warm_up_s, end, max(PARTS, int(end - warm_up_s)) + 1)
    per_min = 60.0 * np.histogram(table[table[:, 4] > 0, 3], edges)[0] / np.diff(edges)
    if np.ptp(per_min):
        return sectioned_mean(per_min, within=NOT_NEGATIVE)
    return Interval(float(per_min[0]), None, None, 0.95, per_min.size, f"{per_min.size} parts, all alike")
