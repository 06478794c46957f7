"""Can this machine measure? The clock, the noise between identical trials, and how much load can be made."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.experiments.effort import Effort
from perflab.experiments.study import Study
from perflab.stats.compare import Comparison, compare_paired

if TYPE_CHECKING:
    import pandas as pd

WORK_ROUNDS = 4000  # of the canary: about half a millisecond of pure Python
INNER = 5


@dataclass(frozen=True)
class NoiseFloor:
    """What identical work looks like when it is measured twice, in interleaved pairs.

    `log_ratios`: one per pair, second arm over first. `comparison`: their verdict, which must not be better or
    worse. `smallest_effect`: the smallest change that this many pairs would have shown here, as a share.
    """

    log_ratios: np.ndarray
    comparison: Comparison
    run_delay_share: float
    pressure: float

    @property
    def sd(self) -> float:
        """Spread of a single pair."""
        return float(np.std(self.log_ratios, ddof=1))


def noise_floor(study: Study, pairs: int) -> NoiseFloor:
    """Time the same piece of work as two arms, in random order within each pair, and compare them.

    A trial is the median of a few rounds of CPU-bound work, wall time: what a contended machine does to it is what
    it would do to anything measured here.
    """
    from perflab.instrument.noise import NoiseWindow

    chance = Random(study.seed)
    sensors = NoiseWindow()
    first, second = np.empty(pairs), np.empty(pairs)
    for i in range(pairs):
        arms = [first, second]
        chance.shuffle(arms)
        for arm in arms:
            arm[i] = canary_trial(canary_work)
        if i % 10 == 0:
            study.progress("noise floor", i, pairs, f"pair {i} of {pairs}")
    noise = sensors.read()
    comparison = compare_paired(first, second, lower_is_better=True, margin=0.05)
    return NoiseFloor(np.log(second / first), comparison, noise.run_delay, noise.pressure or 0.0)


def canary_trial(work: Callable[[], float]) -> float:
    """Return the median wall seconds of a few rounds of `work`."""
    times = []
    for _ in range(INNER):
        began = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times) / 1e9


def canary_work() -> float:
    """Do a fixed amount of pure-Python arithmetic."""
    total = 0.0
    for i in range(WORK_ROUNDS):
        total += math.sqrt(i) * 0.5
    return total


def ratios(floor: NoiseFloor) -> list[float]:
    """Return the A/A ratios, for the histogram."""
    return [float(x) for x in np.exp(floor.log_ratios)]


def clock_facts() -> dict[str, Any]:
    """Return resolution, cost and monotonicity of the clock that everything here is timed by."""
    from perflab.instrument.clock import read_clock

    return asdict(read_clock())


def generator_ceiling(study: Study, sizes: Effort) -> dict[str, float]:
    """Drive a server that does nothing with many sessions: what the load generator can do on its own core."""
    from perflab.load.selfcheck import generator_check

    study.progress("load generator", 0, 1, f"{sizes.generator_sessions} sessions", sizes.generator_s + 4)
    seen = generator_check(sizes.generator_sessions, sizes.generator_s, study.cores.others[0])
    return {"sessions": float(sizes.generator_sessions), **{k: float(v) for k, v in seen.as_dict().items()}}


def capability_rows() -> list[dict[str, Any]]:
    """Return what this machine can and cannot measure."""
    from perflab.instrument.machine import capabilities

    return [asdict(item) for item in capabilities()]


def capability_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the capabilities as a short table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "what": r["name"],
                "available": "yes" if r["available"] else "no",
                "detail": r["detail"],
                "mend": r["remedy"],
            }
            for r in rows
        ]
    )
