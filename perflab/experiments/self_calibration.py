"""perflab measured by itself: does it see effects that were planted, and none where there is none, on this machine?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.instrument.known_work import known_work
from perflab.instrument.paired_times import SensorLimits
from perflab.instrument.paired_timing import NULL, TimingPlan, time_paired
from perflab.stats.compare import Comparison
from perflab.stats.operating import (
    Bounds,
    Operating,
    Rate,
    grouped_comparisons,
    null_comparisons,
    operating,
    smallest_effect,
)

if TYPE_CHECKING:
    import pandas as pd

    from perflab.experiments.study import Study
    from perflab.instrument.paired_times import PairedTimes

NOTE = "calibration"  # the run's note that holds the table, so that it stands beside every later result
PLANTED = {NULL: 0.0, "+2 %": 0.02, "+5 %": 0.05}
PAIRS = 15  # of one comparison: the fewest with which an adaptive stop may end
INNER, VISITS, MARGIN = 15, 5, 0.02
ROUNDS = 5_000  # a repetition of about 0.15 ms: few of them meet a switch of tasks
CURVE = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05)
LIMITS = SensorLimits()  # of the sensors beside each block; what lies beyond is counted, no block is dropped
FEWEST = 6  # pairs that a 95 % interval needs


@dataclass(frozen=True)
class SelfCalibration:
    """What identical and planted work looked like here, and what the verdicts made of it.

    `measured`, `simulated`: by arm; comparisons of PAIRS neighbouring real pairs, and of as many pairs drawn from the
    measured ones. `floor`: A against its twin over all pairs. `visible`: pairs -> smallest effect found with 80 %
    power, as a share.
    """

    times: PairedTimes
    floor: Comparison
    measured: dict[str, Operating]
    simulated: dict[str, Operating]
    visible: dict[int, float]
    curves: dict[int, Bounds]
    pair_s: float

    @property
    def floor_differs(self) -> bool:
        """Whether identical work got a verdict that only different work may get."""
        return self.floor.verdict in ("better", "worse")

    @property
    def floor_sentence(self) -> str:
        """What A against its twin showed, in words; a false alarm is told without the verdict that it is."""
        return (self.floor.judged_anew("untrusted") if self.floor_differs else self.floor).explanation

    @property
    def log_ratios(self) -> np.ndarray:
        """One per pair, the twin over A."""
        return self.times.log_ratios("A", NULL)

    @property
    def spread(self) -> float:
        """Spread of a single pair by the median absolute deviation, which spikes do not move: a share."""
        steps = self.log_ratios
        return float(1.4826 * np.median(np.abs(steps - np.median(steps))))

    @property
    def sensors(self) -> str:
        """What steal, CPU pressure, throttling and the canary saw in the judged blocks, in words."""
        seen = self.times.sensors[self.times.warmups :]
        canary = np.array([reading.canary.wall_ms for reading in seen])
        pressure = [reading.pressure for reading in seen if reading.pressure is not None]
        told = [
            f"stolen {100 * float(np.mean([reading.steal for reading in seen])):.1f} %",
            f"CPU pressure {100 * float(np.mean(pressure)):.0f} %" if pressure else "CPU pressure not available",
            f"throttled {sum(reading.throttled_s for reading in seen):.2g} s",
            f"slowest canary {canary.max() / np.median(canary):.1f} times its median",
        ]
        return ", ".join(told)

    @property
    def run_delay(self) -> float:
        """Share of the timing in which this process waited for a core."""
        return float(self.times.run_delay[self.times.warmups :].mean())


def calibrate(study: Study) -> SelfCalibration:
    """Time A, its twin, +2 % and +5 % of known work in interleaved blocks, and judge every group of PAIRS of them.

    A machine too busy to finish in time measures fewer comparisons, at least two.
    """
    sizes = study.sizes

    def tick(done: int, total: int) -> None:
        if done % 25 == 0:
            study.progress("self-calibration", done, total, f"block {done} of {total}")

    arms = {"A": known_work(1.0, ROUNDS), **{name: known_work(1 + e, ROUNDS) for name, e in PLANTED.items()}}
    blocks = sizes.calibration_comparisons * PAIRS
    plan = TimingPlan(blocks, INNER, VISITS, seed=study.seed, limit_s=sizes.calibration_s, fewest=2 * PAIRS)
    return judge(time_paired(arms, plan, tick), sizes.calibration_repeats, (FEWEST, PAIRS, 40), study.seed)


def judge(times: PairedTimes, repeats: int, pairs: tuple[int, ...], seed: int) -> SelfCalibration:
    """Turn timed blocks into false-alarm rates, power and coverage, measured and simulated with `repeats` draws."""
    steps = {name: times.log_ratios("A", name) for name in PLANTED}
    null = {n: null_comparisons(steps[NULL], n, repeats, seed + n) for n in sorted({*pairs, PAIRS})}
    measured = {name: operating(grouped_comparisons(steps[name], PAIRS), PAIRS, effect, MARGIN)
                for name, effect in PLANTED.items()}  # fmt: skip
    simulated = {name: operating(null[PAIRS], PAIRS, effect, MARGIN, planted=effect)
                 for name, effect in PLANTED.items()}  # fmt: skip
    kept = times.wall_ns[times.warmups :, :2].sum(axis=(1, 2))
    visible = {n: smallest_effect(bounds) for n, bounds in null.items()}
    floor = times.compare("A", NULL, margin=MARGIN)
    return SelfCalibration(times, floor, measured, simulated, visible, null, float(np.median(kept)) / 1e9)


def table_rows(found: SelfCalibration) -> list[dict[str, str]]:
    """Return the one table of the self-calibration: what was seen, measured and simulated, beside what should be."""
    null, null_sim = found.measured[NULL], found.simulated[NULL]
    rows = [
        _row(f"identical work called different ({PAIRS} pairs)", null.differs, null_sim.differs, "5 %"),
        _row("identical work given a verdict", null.claims, null_sim.claims, "at most 5 %"),
    ]
    for name in list(PLANTED)[1:]:
        rows.append(_row(f"{name} of work found ({PAIRS} pairs)", found.measured[name].found,
                         found.simulated[name].found, "80 % or more to rely on it"))  # fmt: skip
    held = [found.measured[name].covers for name in PLANTED]
    rows.append(_row("intervals that hold the truth", None, found.simulated["+2 %"].covers, "95 %",
                     f"{sum(r.events for r in held)} of {sum(r.n for r in held)}"))  # fmt: skip
    low, high = (np.quantile(np.abs(found.log_ratios), q) * 100 for q in (0.5, 0.95))
    rows.append({"what": "two timings of the same work differ by (noise floor)",
                 "measured here": f"half of the pairs up to {low:.2f} %, 95 % of them up to {high:.1f} %",
                 "simulated": "", "should be": "small against the effects looked for"})  # fmt: skip
    for n, effect in found.visible.items():
        rows.append({"what": f"smallest effect found 4 times in 5, {n} pairs ({1e3 * n * found.pair_s:.0f} ms)",
                     "measured here": "", "simulated": f"{100 * effect:.2g} %",
                     "should be": "below the margin of the comparison"})  # fmt: skip
    rows.append({"what": "run delay meanwhile", "measured here": f"{100 * found.run_delay:.0f} % of the time",
                 "simulated": "", "should be": "at most 20 %"})  # fmt: skip
    beyond, blocks = found.times.screen(LIMITS).beyond, len(found.log_ratios)
    rows.append({"what": "other sensors meanwhile", "measured here": found.sensors, "simulated": "",
                 "should be": f"beyond a limit: {beyond} of {blocks} blocks; all were kept"})  # fmt: skip
    return rows


def _row(what: str, measured: Rate | None, simulated: Rate, should: str, words: str = "") -> dict[str, str]:
    if measured is not None:
        words = f"{measured.events} of {measured.n} [{100 * measured.low:.0f} to {100 * measured.high:.0f} %]"
    return {"what": what, "measured here": words, "simulated": f"{100 * simulated.value:.1f} %", "should be": should}


def note(study: Study, rows: list[dict[str, str]]) -> None:
    """Write the table into the run's manifest."""
    study.run.note(NOTE, rows)


def table(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Return the table for the notebook."""
    import pandas as pd

    return pd.DataFrame(rows)


def ratios(found: SelfCalibration) -> list[float]:
    """Return the A/A ratios, for the histogram."""
    return [float(x) for x in np.exp(found.log_ratios)]


def power_rows(found: SelfCalibration) -> list[dict[str, Any]]:
    """Return the chance of finding an effect by its size: simulated per number of pairs, and the measured points."""
    rows = [{"pairs": n, "effect": 100 * effect, "found": 100 * operating(bounds, n, effect, MARGIN, planted=effect)
             .found.value, "low": None, "high": None, "kind": "simulated"}
            for n, bounds in found.curves.items() for effect in CURVE]  # fmt: skip
    for name, effect in list(PLANTED.items())[1:]:
        seen = found.measured[name].found
        rows.append({"pairs": PAIRS, "effect": 100 * effect, "found": 100 * seen.value, "low": 100 * seen.low,
                     "high": 100 * seen.high, "kind": "measured"})  # fmt: skip
    return rows
