"""How much of a response the system itself adds, and what that leaves for the world around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perflab.errors import StatisticError, UsageError
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial
from perflab.experiments.units_of_work import ANSWERED, judged_rows, response_ms
from perflab.findings.catalogue import QUANTILES
from perflab.samples.spans import sum_ms
from perflab.stats.interval import Interval
from perflab.stats.latency import section_minimum_n, sectioned_quantile
from perflab.system.tables.load import Measure
from perflab.units import interval_text, number_text

KNOWN = 0.9  # of fewer units than this share the sum of marks says nothing of the others


@dataclass(frozen=True)
class OwnPart:
    """What the system adds to a response, and what the same responses take without it: one percentile of each, in ms.

    `around` is of differences unit by unit, so it says what a system that costs nothing would show. What `added`
    leaves of a limit is a budget by percentiles: that of a sum lies above the sum of percentiles only where slow units
    of the system meet fast ones of the world.
    """

    added: Interval
    around: Interval
    aggregate: str

    def budget_ms(self, limit_ms: float) -> float:
        """Return what a limit leaves for the world: less the upper bound of what the system adds."""
        return limit_ms - (self.added.value if self.added.high is None else self.added.high)

    def out_of_reach(self, limit_ms: float) -> bool:
        """Return whether the world alone takes longer than the limit: then no change of the system can meet it."""
        return self.around.low is not None and self.around.low >= limit_ms

    def told(self, limit_ms: float) -> str:
        """Return both parts and the budget in words."""
        left = self.budget_ms(limit_ms)
        leaves = (
            f"which leaves {number_text(left, 4)} ms of {limit_ms:,g} ms for the world around it"
            if left > 0
            else f"which is more than the whole limit of {limit_ms:,g} ms"
        )
        without = f"without it the same responses take {_said(self.around)}"
        return f"the system itself adds {_said(self.added)} at {self.aggregate}, {leaves}; {without}"

    def step(self, limit_ms: float, seen_ms: float) -> str:
        """Return what would mend a response of `seen_ms` that misses the limit."""
        left, around = self.budget_ms(limit_ms), _said(self.around)
        if self.out_of_reach(limit_ms):
            within = f" ({self.aggregate} at most {number_text(left, 4)} ms)" if left > 0 else ""
            return (
                f"No change of the system can meet it: without what the system adds, {around} would be left. Choose a "
                f"faster service around it{within}, or another limit"
            )
        if self.around.high is not None and self.around.high < limit_ms:
            return f"Take {number_text(seen_ms - limit_ms)} ms off the {_said(self.added)} that the system adds"
        return f"Make the system and the world around it faster: without what the system adds, {around} would be left"


def own_part(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> OwnPart | None:
    """Return how the responses of a scenario part into the system's and the world's; None where nothing tells it.

    A difference of clocks may fall below zero, so the bounds are not made on logarithms, and such a unit leaves the
    whole response to the world.
    """
    part = own_part_or_why(study, measure, trial, scenario, aggregate)
    return part if isinstance(part, OwnPart) else None


def own_part_or_why(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> OwnPart | str:
    """Return what `own_part` returns, or in words why nothing tells how much of a response is the system's own.

    It takes a sum of role "added" of the measure's rows in the system's file, and its marks in nine rows of ten.
    """
    of_units = measure.rows == study.system.load.unit_kind
    spans, what = study.system.spans, " ".join(filter(None, (measure.tag or measure.name, f"{measure.rows}s")))
    entry = spans.added_to(measure.rows) or (spans.added_to() if of_units else None)
    if entry is None:
        return f"what the system itself adds is not known: the system's file declares no span of {what}"
    if aggregate not in QUANTILES:
        return f"what the system itself adds is told at one of {', '.join(QUANTILES)}, not at {aggregate}"
    rows = judged_rows(trial, measure.rows, scenario, measure.tag, measure.name)
    rows = rows[rows["outcome"].isin(ANSWERED)]
    try:
        added = sum_ms(rows, entry)
        known = np.isfinite(added)
        if known.sum() < KNOWN * len(rows):
            return f"what the system itself adds is not known: {known.sum()} of {len(rows)} {what} carry its marks"
        around = response_ms(rows)[known] - np.maximum(added[known], 0.0)
        q = QUANTILES[aggregate]
        return OwnPart(_quantile(added[known], q), _quantile(around, q), aggregate)
    except UsageError as error:  # a mark of the sum is in no row
        return f"what the system itself adds is not known: {error.given}"
    except StatisticError:
        return f"what the system itself adds is not known: of {len(rows)} {what} its {aggregate} has no interval"


def _quantile(ms: np.ndarray, q: float) -> Interval:
    return sectioned_quantile(ms, q, 10 if len(ms) >= section_minimum_n(q, 10) else 5)


def _said(ms: Interval) -> str:
    return interval_text(ms.value, ms.low, ms.high, "ms")
