"""Plans before and after with the times that belong to them, for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest
from perflab.experiments.state_database.place import TABLES
from perflab.experiments.state_database.plans import IndexGain
from perflab.experiments.strategies.experiment import BASE
from perflab.experiments.strategies.run import ExperimentResult

MEDIAN = "p50_ms"


def plan_points(
    gains: Sequence[IndexGain], contests: Sequence[Contest], results: Sequence[ExperimentResult]
) -> list[dict[str, Any]]:
    """Return one row for each query of which the plans before and after are known, the largest saving first.

    Times are medians in ms: of the index by its pairs, of a way by all blocks of its question.
    """
    before, after = TABLES
    rows = [_row(f"a page of history, {g.engine}", g.ms[before], g.ms[after], g.plans[before], g.plans[after])
            for g in gains]  # fmt: skip
    of = {result.experiment.key: result for result in results}
    for contest in contests:
        result = of.get(contest.key)
        if result is None or contest.base not in contest.plans:
            continue
        base = _median(result, BASE)
        rows += [
            _row(f"{contest.title}: {way}", base, _median(result, way), contest.plans[contest.base], plan)
            for way, plan in contest.plans.items()
            if way != contest.base and way in result.experiment.arms
        ]
    return sorted(rows, key=lambda row: row["after"] / row["before"])


def _row(label: str, before: float, after: float, plan_before: str, plan_after: str) -> dict[str, Any]:
    return {"label": label, "before": before, "after": after, "plan before": plan_before, "plan after": plan_after}


def _median(result: ExperimentResult, arm: str) -> float:
    return float(np.median(result.column(arm, MEDIAN)))
