"""What 30_prototype says of the tail: the p99 of all units together, which no block has enough units for by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.block_work import counted_rows
from perflab.experiments.conclude.parts import effect_of, observation
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import response_ms
from perflab.findings.finding import Finding, TrustCheck
from perflab.stats.interval import Interval
from perflab.stats.resample import ratio_of_quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perflab.experiments.trial import Trial

Q = 0.99


@dataclass(frozen=True)
class Tail:
    """The p99 of all units of the judged variant over that of the baseline; without a `ratio` there is a `reason`."""

    ratio: Interval | None
    before_ms: float
    after_ms: float
    reason: str = ""

    @property
    def text(self) -> str:
        """The change with its interval, or why there is none."""
        if self.ratio is None or self.ratio.low is None or self.ratio.high is None:
            return f"cannot be computed, because {self.reason}"
        low, value, high = (100 * (x - 1) for x in (self.ratio.low, self.ratio.value, self.ratio.high))
        return f"{value:+.0f} % [{low:+.0f}, {high:+.0f}]"


def tail_of(study: Study, trials: Sequence[Trial]) -> Tail:
    """Return the p99 of a block comparison's trials: judged variant against baseline, blocks resampled together.

    The exact interval of each block's own p95 stands in the comparison; a p99 asks for 1,000 units, which blocks only
    have together. No verdict hangs on it: a bootstrap over a dozen blocks covers 93 to 96 %, not exactly 95.
    """
    arms = [_times(study, trials, arm) for arm in ("baseline", study.system.judge)]
    before, after = (float(np.quantile(np.concatenate(arm), Q)) if arm else np.nan for arm in arms)
    try:
        return Tail(ratio_of_quantiles(arms[0], arms[1], Q, seed=study.seed), before, after)
    except StatisticError as error:
        return Tail(None, before, after, str(error).rstrip("."))


def _times(study: Study, trials: Sequence[Trial], arm: str) -> list[np.ndarray]:
    rows = sorted((trial for trial in trials if trial.spec.arm == arm), key=lambda trial: trial.spec.block)
    return [response_ms(counted_rows(trial, study.system.load.unit_kind)) for trial in rows]


def conclude_tail(study: Study, trials: Sequence[Trial], trust: tuple[TrustCheck, ...]) -> list[Finding]:
    """Return the finding on the p99 of all units; none where it cannot be computed (its table says why)."""
    tail, judged = tail_of(study, trials), study.system.judge
    if tail.ratio is None:
        return []
    return [
        observation(
            study,
            "5",
            trust,
            question=f"What does {judged} do to the tail?",
            variant=judged,
            claim=f"Response p99 of all units of {judged} against baseline: {tail.text} ({tail.before_ms:.0f} and "
            f"{tail.after_ms:.0f} ms, {tail.ratio.n} units).",
            effect=effect_of("response p99 of all units, against baseline", tail.ratio, "ratio", "units"),
            caveats=("blocks are resampled whole: no verdict hangs on a bootstrap over so few",),
        )
    ]
