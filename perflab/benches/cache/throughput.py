"""Miss counts equal to libcachesim's, at a multiple of its speed: on dense ids, and with file and ids counted."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from perflab.benches.bar import Bar, measured
from perflab.benches.cache import peer
from perflab.benches.cache.material import CAPACITY, REQUESTS, SKEWS, material
from perflab.benches.parts import Say
from perflab.cache.policies.registry import simulate
from perflab.cache.readers.oracle_general import read
from perflab.cache.trace import Trace
from perflab.instrument.paired_times import PairedTimes
from perflab.instrument.paired_timing import TimingPlan, time_paired
from perflab.stats.latency import order_statistic_intervals

ORDER = 10
BLOCKS = 7
SPREAD = 7_919  # what the ids of the file are multiplied by
DENSE, MAPPED = 3.0, 1.0


def bars(say: Say) -> list[Bar]:
    """Hold five policies to the peer on three traces: equal counts, then paired CPU times of three arms."""
    if not peer.installed():
        return [Bar("sim", f"the simulator beside libcachesim ({peer.WHY})", None, ">=", DENSE, "x",
                    detail={"why": peer.WHY})]  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for skew in SKEWS:
            trace, file = material(skew), Path(folder) / f"{skew}.oracleGeneral"
            peer.write_trace(file, trace, SPREAD)
            for policy in peer.CLASSES:
                found += _held(policy, skew, trace, file)
                say(f"  {policy} at {skew}: {found[-2].value:.1f} and {found[-1].value:.1f} x")
            file.unlink()
    return found


def _held(policy: str, skew: float, trace: Trace, file: Path) -> list[Bar]:
    """Return the bars of one policy on one trace."""
    counts: dict[str, int] = {}

    def arm(name: str, work: Callable[[], int]) -> Callable[[], None]:
        return lambda: counts.update({name: work()})

    times = time_paired({
        "dense": arm("dense", lambda: simulate(policy, trace, CAPACITY).missed),
        "mapped": arm("mapped", lambda: simulate(policy, read(file, sizes=False), CAPACITY).missed),
        "peer": arm("peer", lambda: peer.process(policy, file, REQUESTS, CAPACITY)),
    }, TimingPlan(blocks=BLOCKS, inner=1, warmups=1))  # fmt: skip
    name = f"{policy.lower()}-{skew:g}"
    title = f"{policy}, Zipf {skew:g}, {REQUESTS / 1e6:g} M requests"
    apart = max(counts.values()) - min(counts.values())
    return [
        Bar(f"{name}-n", f"{title}: misses that differ from libcachesim's", float(apart), "==", 0, "misses", REQUESTS,
            detail={"missed": counts["peer"]}),
        _ratio(f"{name}-d", f"{title}: its CPU time over ours on dense ids", times, "dense", DENSE),
        _ratio(f"{name}-m", f"{title}: its CPU time over ours from the file, ids renamed", times, "mapped", MAPPED),
    ]  # fmt: skip


def _ratio(name: str, title: str, times: PairedTimes, arm: str, limit: float) -> Bar:
    ours, theirs = times.column(arm, "cpu"), times.column("peer", "cpu")
    ratio = order_statistic_intervals(theirs / ours, (0.5,))[0]
    detail: dict[str, Any] = {"ours_mreq_s": _millions(ours), "theirs_mreq_s": _millions(theirs),
                              "libcachesim": metadata.version("libcachesim"), "hash_power": peer.HASH_POWER,
                              "python": platform.python_version()}  # fmt: skip
    return measured(name, title, ratio, ">=", limit, "x", detail)


def _millions(times: np.ndarray) -> float:
    """Return millions of requests a second from what each trial took, in seconds."""
    return round(REQUESTS / float(np.median(times)) / 1e6, 1)
