"""Settings of the gateway that concern its state, measured on the gateway itself with real servers."""

from __future__ import annotations

from typing import Any

from perflab.experiments.strategies.conclude import CPU, ArmJudged, forest_rows, judge_arms, sentence, table_rows
from perflab.experiments.strategies.run import run_experiments
from perflab.experiments.strategies.state import EXPERIMENTS
from perflab.experiments.study import Study


def measured(study: Study) -> tuple[ArmJudged, ...]:
    """Run every experiment on the store and history flags and judge them as one family."""
    return judge_arms(run_experiments(study, EXPERIMENTS))


def rows(judged: tuple[ArmJudged, ...]) -> tuple[dict[str, Any], ...]:
    """Return a table's row for each setting, its price in it."""
    return tuple(table_rows(judged))


def ratios(judged: tuple[ArmJudged, ...], column: str = CPU) -> list[dict[str, Any]]:
    """Return the ratio of each setting in one figure, for the forest plot."""
    return forest_rows(judged, column)


def told(judged: tuple[ArmJudged, ...]) -> str:
    """Say what each setting did to each figure."""
    return "\n".join(f"- {sentence(judged, experiment.key)}" for experiment in EXPERIMENTS)
