"""One store under open arrivals, and the bars that it is held to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.benches.state import rows
from perflab.benches.state.place import arrive, filled, syncs
from perflab.benches.state.seen import Seen, look
from perflab.benches.state.settings import server_of
from perflab.system.cores import default_cores, stay_on
from perflab.system.servers.kinds import Settings

KNEE_PER_MIN, ASKED_PER_MIN = 60_000, 10_000
OFFERED_ABOVE = 1.05  # Poisson arrivals of a minute vary; offering 5 % more keeps "at least" from being a coin flip
KNEE_S, ASKED_S = 24.0, 20.0  # so long that a p99 of the writes at the lower rate has its interval


def bars_of(store: str, name: str, say: Say, settings: Settings | None = None) -> list[Bar]:
    """Measure one store: at the asked 10,000 a minute, then at 60,000, with the disk's own syncs just before and after.

    No store that syncs before it acknowledges can be faster than the disk: that floor stands beside every figure.
    """
    stay_on(default_cores().others)
    with filled(store, say, server_of(store, settings)) as place:
        asked = look(arrive(place, OFFERED_ABOVE * ASKED_PER_MIN / 60, ASKED_S))
        before = syncs(place.path.parent)
        knee = look(arrive(place, OFFERED_ABOVE * KNEE_PER_MIN / 60, KNEE_S))
        floor = np.quantile(np.append(before, syncs(place.path.parent)), (0.5, 0.99))
    say(f"  {name}: {knee.durability}; a sync alone takes {floor[0]:.1f} ms here, p99 {floor[1]:.1f} ms")
    say(f"  the client itself began {knee.late_p99_ms:.1f} ms late (p99), which is in the figures: they count from due")
    sized = ((asked, ASKED_PER_MIN, 50, 100), (knee, KNEE_PER_MIN, 5, 20))
    return [bar for seen in sized for bar in _bars(name, *seen, floor)]


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
