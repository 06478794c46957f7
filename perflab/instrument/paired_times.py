"""What paired timing yields: every repetition of every arm with its noise, and what may be concluded from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perflab.errors import StatisticError
from perflab.instrument.noise import NoiseReading
from perflab.stats.compare import Comparison, compare_paired

Clock = Literal["wall", "cpu"]
Summary = Literal["quartile", "median", "min", "mean"]
MOST_DROPPED = 0.20  # share of the blocks: a limit that strikes more was the wrong limit for this machine
SUMMARIES: dict[Summary, Callable[..., Any]] = {
    "quartile": partial(np.quantile, q=0.25), "median": np.median, "min": np.min, "mean": np.mean,
}  # fmt: skip


@dataclass(frozen=True)
class SensorLimits:
    """Beyond which a block may be dropped; declared before the first measurement, never fitted to its outcome.

    `run_delay`: share of a trial's wall time spent waiting for a core. `steal`, `pressure`: shares of the block.
    `throttled_s`: seconds for which a CPU quota stopped it. `canary`: the slower of the canaries before and after, as
    a multiple of the median canary of the run. Pressure has no limit by default: the kernel books
    it in larger steps than blocks of milliseconds.
    """

    run_delay: float = 0.9
    steal: float = 0.10
    pressure: float = math.inf
    throttled_s: float = 0.0
    canary: float = 2.0


@dataclass(frozen=True)
class Screening:
    """Which blocks stay: `kept` is a mask over all blocks, warm-ups out; `beyond` counts those beyond a limit."""

    kept: NDArray[np.bool_]
    beyond: int
    dropped: int
    sentence: str


@dataclass(frozen=True)
class PairedTimes:
    """All repetitions, warm-up blocks first, in nanoseconds.

    `wall_ns`: (blocks, arms, repetitions). Per trial, (blocks, arms): `cpu_ns` of all its repetitions, `length_ns`,
    `wait_ns` in which its thread was ready but had no core, `place` of the arm in its block's first turn. `sensors`:
    one reading per block, canary before and after.
    """

    arms: tuple[str, ...]
    warmups: int
    wall_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64]
    length_ns: NDArray[np.int64]
    wait_ns: NDArray[np.int64]
    place: NDArray[np.int64]
    sensors: tuple[NoiseReading, ...]

    @property
    def run_delay(self) -> NDArray[np.float64]:
        """Share of each trial's length in which its thread waited for a core: (blocks, arms)."""
        return np.asarray(np.clip(self.wait_ns / self.length_ns, 0.0, 1.0))

    def column(
        self, arm: str, clock: Clock = "wall", summary: Summary = "quartile", *, limits: SensorLimits | None = None
    ) -> NDArray[np.float64]:
        """Return one figure per kept block in seconds: the `summary` of the trial's repetitions.

        Why the lower quartile of repetitions is the default: neighbours only ever add time, and on a contended core up
        to half of the repetitions of a fraction of a millisecond are disturbed. The quartile ignores those until three
        quarters are hit, and does not fall with the number of repetitions. The median is drawn into the noise as soon
        as half are hit (beside heavy hogs it found 2 % in 105 of 109 comparisons of 20 pairs, the quartile in all of
        them), the mean takes all of it, and the minimum answers another question (the luckiest repetition).
        Weakness: a change that slows only some repetitions is seen by the quartile from three quarters of them on, by
        the median from a half on, by the mean always: ask for those where work is not alike every time.
        CPU time is free of waiting, but only a system that never fills its own cores may be judged by it: one that
        waits for itself would look faster than its users find it. It is taken over the whole trial, so on the clock
        `cpu` there is only the mean of the repetitions.
        """
        kept, index = self.screen(limits).kept, self._index(arm)
        if clock == "cpu":
            return np.asarray(self.cpu_ns[kept, index] / (1e9 * self.wall_ns.shape[2]))
        return np.asarray(SUMMARIES[summary](self.wall_ns[kept, index], axis=1) / 1e9)

    def log_ratios(self, baseline: str, candidate: str, **options: Any) -> NDArray[np.float64]:
        """Return log(candidate / baseline) per kept block; options as in `column`."""
        return np.log(self.column(candidate, **options) / self.column(baseline, **options))

    def compare(self, baseline: str, candidate: str, *, margin: float, null: str = "", **options: Any) -> Comparison:
        """Compare two arms, less time being better; `null` names the arm identical to `baseline` that may void it.

        Raises what `compare_paired` raises.
        """
        before, after = self.column(baseline, **options), self.column(candidate, **options)
        twin = self.column(null, **options) if null else None
        return compare_paired(before, after, lower_is_better=True, margin=margin, null_arm=twin)

    def screen(self, limits: SensorLimits | None) -> Screening:
        """Decide which blocks stay; None keeps all but the warm-ups.

        A block goes whole, with all its arms, whichever arm was disturbed, and by its sensors alone: times are never
        looked at. When more than 20 % are beyond a limit none is dropped, and the sentence says so.
        """
        kept = np.arange(len(self.sensors)) >= self.warmups
        if limits is None:
            return Screening(kept, 0, 0, "no block was dropped")
        beyond = kept & self._beyond(limits)
        count, total = int(beyond.sum()), int(kept.sum())
        if count > MOST_DROPPED * total:
            words = f"{count} of {total} blocks are beyond a sensor's limit: too many to drop, so all were kept"
            return Screening(kept, count, 0, words)
        words = f"{count} of {total} blocks were dropped whole because a sensor was beyond its limit"
        return Screening(kept & ~beyond, count, count, words if count else "no block was dropped")

    def _beyond(self, limits: SensorLimits) -> NDArray[np.bool_]:
        canary = np.array([max(s.canary.wall_ms, s.canary_before.wall_ms if s.canary_before else 0.0)
                           for s in self.sensors])  # fmt: skip
        return np.asarray(
            (self.run_delay.max(axis=1) > limits.run_delay)
            | np.array([s.steal > limits.steal for s in self.sensors])
            | np.array([(s.pressure or 0.0) > limits.pressure for s in self.sensors])
            | np.array([s.throttled_s > limits.throttled_s for s in self.sensors])
            | (canary > limits.canary * np.median(canary))
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one flat row per trial, warm-ups included and marked, for a table or a file."""
        wait = self.run_delay
        for block, arm in np.ndindex(wait.shape):
            yield {
                "block": block, "arm": self.arms[arm], "place": int(self.place[block, arm]),
                "warmup": block < self.warmups, "run_delay": float(wait[block, arm]),
                "wall_quartile_s": float(np.quantile(self.wall_ns[block, arm], 0.25)) / 1e9,
                "wall_median_s": float(np.median(self.wall_ns[block, arm])) / 1e9,
                "wall_min_s": float(self.wall_ns[block, arm].min()) / 1e9,
                "wall_mean_s": float(self.wall_ns[block, arm].mean()) / 1e9,
                "cpu_mean_s": float(self.cpu_ns[block, arm]) / (1e9 * self.wall_ns.shape[2]),
            }  # fmt: skip

    def _index(self, arm: str) -> int:
        if arm not in self.arms:
            raise StatisticError(f"No arm {arm!r} was timed", f"arms are {', '.join(self.arms)}")
        return self.arms.index(arm)
