"""What a miss must cost before a level pays: two stores measured, a line between them, and where it crosses zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.strategies.caching import cheap_store, levels
from perflab.experiments.strategies.caching.zipf_reads import WRITE_SHARE
from perflab.experiments.strategies.experiment import BASE
from perflab.experiments.strategies.run import ExperimentResult
from perflab.findings.finding import TrustCheck

CPU = "cpu_ms_per_request"
RESAMPLES = 2000


@dataclass(frozen=True)
class Turning:
    """One level: its gain of CPU (ms per request, base minus level) at both stores, and the miss cost that it needs.

    `dear_ms`: how much more CPU a request of the mix costs at the dear store than at the cheap one. `crossing_ms` on
    that scale, with its interval: 0 and less where the level pays at the cheap store already, infinite where it does
    not pay there and a dearer miss does not help it. `trust`: the null checks of both experiments.
    """

    arm: str
    gain_cheap: float
    gain_dear: float
    dear_ms: float
    crossing_ms: float
    low_ms: float
    high_ms: float
    trust: tuple[TrustCheck, ...] = ()

    @property
    def shown(self) -> str:
        """The crossing in words, as far as its whole interval says one thing."""
        if self.dear_ms <= 0:
            return "not told: a miss costs no more at the other store"
        if self.high_ms <= 0:
            return "pays at the cheap store already"
        if np.isinf(self.low_ms):
            return "never within this model"
        interval = f"[{_bound(self.low_ms)}, {_bound(self.high_ms)}]"
        if self.low_ms > 0 and np.isfinite(self.high_ms):
            return f"{self.crossing_ms:.2f} ms {interval}"
        return f"open: {_bound(self.crossing_ms)}{' ms' * bool(np.isfinite(self.crossing_ms))} {interval}"

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {
            "level": self.arm, "gain before an open connection (ms CPU)": round(self.gain_cheap, 3),
            "gain before a connection per read (ms CPU)": round(self.gain_dear, 3),
            "a miss must cost so much more": self.shown,
        }  # fmt: skip


def _bound(crossing_ms: float) -> str:
    """Return a crossing or its bound as printed: 0 for all that lies at the cheap store or before it."""
    return f"{max(crossing_ms, 0.0):.2f}" if np.isfinite(crossing_ms) else "never"


def turnings(results: Sequence[ExperimentResult], seed: int) -> tuple[Turning, ...]:
    """Return one for each level from the two experiments on levels.

    The gain is taken as linear in the cost of a miss (a hop paid by every read, a miss saved by those that hit), with
    one share of hits at both stores: both meet the same requests. Interval: percentiles over resampled blocks.
    """
    by_key = {result.experiment.key: result for result in results}
    cheap, dear = by_key[cheap_store.EXPERIMENT.key], by_key[levels.EXPERIMENT.key]
    rng = np.random.default_rng(seed)
    return tuple(_turning(arm, cheap, dear, rng) for arm in levels.EXPERIMENT.arms)


def _turning(arm: str, cheap: ExperimentResult, dear: ExperimentResult, rng: np.random.Generator) -> Turning:
    columns = [result.column(name, CPU) for result in (cheap, dear) for name in (BASE, arm)]
    drawn = []
    for _ in range(RESAMPLES):
        picks = [rng.integers(0, columns[2 * i].size, columns[2 * i].size) for i in (0, 1)]
        drawn.append(crossing(*(float(np.median(c[picks[i // 2]])) for i, c in enumerate(columns))))
    low, high = np.quantile(drawn, (0.025, 0.975), method="nearest")
    cheap_base, cheap_arm, dear_base, dear_arm = (float(np.median(column)) for column in columns)
    return Turning(
        arm, cheap_base - cheap_arm, dear_base - dear_arm, dear_base - cheap_base,
        crossing(cheap_base, cheap_arm, dear_base, dear_arm), float(low), float(high),
        (*cheap.null_checks, *dear.null_checks),
    )  # fmt: skip


def crossing(cheap_base: float, cheap_arm: float, dear_base: float, dear_arm: float) -> float:
    """Return by how much a miss must cost more than at the cheap store for the gain to be zero, in the given unit.

    Where a dearer miss raises no gain, and where the dear store costs no more than the cheap one, so that there is no
    scale to cross on: 0 if the level pays at the cheap store, infinite if it does not.
    """
    gain_cheap, gain_dear = cheap_base - cheap_arm, dear_base - dear_arm
    rise = gain_dear - gain_cheap
    if rise <= 0 or dear_base <= cheap_base:
        return 0.0 if gain_cheap > 0 else float("inf")
    return -gain_cheap * (dear_base - cheap_base) / rise


def curve_rows(found: Sequence[Turning]) -> list[dict[str, Any]]:
    """Return the lines for the figure: series, x (ms that a miss costs more), gain (ms per request), crossing.

    A crossing of 0 stands for none; the gains drawn then say whether the level pays everywhere or never. Where a miss
    costs no more at the dear store there is no line through both: the gain at the cheap one is drawn, up to 4 ms.
    """
    rows = []
    for one in found:
        rise = (one.gain_dear - one.gain_cheap) / one.dear_ms if one.dear_ms > 0 else 0.0
        reach = one.dear_ms if one.dear_ms > 0 else 1.0
        for x in np.geomspace(reach / 50, 4 * reach, 40):
            shown = max(one.crossing_ms, 0.0) if np.isfinite(one.crossing_ms) else 0.0
            rows.append({"series": one.arm, "x": float(x), "gain": one.gain_cheap + rise * x, "crossing": shown})
    return rows


def turning_sentence(found: Sequence[Turning]) -> str:
    """Say what a miss must cost before each level pays."""
    parts = "; ".join(f"{one.arm}: {one.shown}" for one in found)
    return (
        f"The mix with {100 * WRITE_SHARE:g} % writes costs {found[0].dear_ms:.2f} ms of CPU more per read where every "
        "access opens SQLite anew than on one open connection with a write-ahead log and batched commits; these are "
        "two experiments, and the difference is of the whole mixes, writes included. Taken for what a miss costs more, "
        f"a level saves CPU from this much on (straight line through both): {parts}."
    )
