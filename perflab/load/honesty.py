"""Is the generator to be believed? Its own lateness, rate, losses and CPU, measured in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from perflab.load.collect import LatenessTable

NS = 1_000_000_000
BUSIEST_S = 5.0  # a mean over a whole ladder would hide a top level at which the generator had no CPU left


@dataclass(frozen=True)
class GeneratorHonesty:
    """One load run's generator; times are those of the generator itself, not of the system.

    `late_*` is how long after its deadline a frame or request was handed to the kernel. `cpu_percent` is that of the
    busiest worker in its busiest 5 s, in percent of one core. `blocked_frames` met a full socket: the
    system took its time, not we.
    """

    late_p50_ms: float
    late_p99_ms: float
    late_max_ms: float
    asked_frame_rate: float
    achieved_frame_rate: float
    lost_frames: int
    blocked_frames: int
    cpu_percent: float
    wall_s: float
    workers: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def honesty(table: LatenessTable, closings: Sequence[dict[str, Any]]) -> GeneratorHonesty:
    """Return the generator's figures from the workers' lateness logs and closing records."""
    wall_s = max((c["end_ns"] - c["begin_ns"]) / NS for c in closings)
    asked, sent = sum(c["asked"] for c in closings), sum(c["sent"] for c in closings)
    return GeneratorHonesty(
        late_p50_ms=table.quantile_ms(0.5),
        late_p99_ms=table.quantile_ms(0.99),
        late_max_ms=table.quantile_ms(1.0),
        asked_frame_rate=asked / wall_s,
        achieved_frame_rate=sent / wall_s,
        lost_frames=sum(c["lost"] for c in closings),
        blocked_frames=sum(c["blocked"] for c in closings),
        cpu_percent=max(busiest_percent(table, c) for c in closings),
        wall_s=wall_s,
        workers=len(closings),
    )


def busiest_percent(table: LatenessTable, closing: dict[str, Any]) -> float:
    """Return a worker's CPU in the busiest 5 s of its load, percent of one core; of all of it where that is shorter.

    The log says at the end of each second how much CPU the process has taken; the load itself began later than that.
    """
    import numpy as np

    begin_ns, end_ns, cpu_s = closing["begin_ns"], closing["end_ns"], closing["cpu_s"]
    own = table.worker == closing["worker"]
    if not own.any():
        return float(100 * cpu_s / ((end_ns - begin_ns) / NS))
    cpu_ns, at_ns = table.cpu_ns[own], np.append(table.begin_ns[own][1:], end_ns)
    inside = at_ns > begin_ns
    at_s = np.append(0.0, (at_ns[inside] - begin_ns) / NS)
    spent_s = np.append(0.0, (cpu_ns[inside] - cpu_ns[-1]) / NS + cpu_s)
    means = [
        (spent_s[last] - spent_s[first]) / (at_s[last] - at_s[first])
        for first, last in enumerate(np.searchsorted(at_s, at_s + BUSIEST_S))
        if last < len(at_s)
    ]
    return 100 * float(max(means, default=spent_s[-1] / at_s[-1]))
