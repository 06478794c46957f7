"""Run an experiment on a strategy: paired blocks of base, base again and its arms, on the same work."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from perflab.experiments.code_state import commit_of
from perflab.experiments.kept_rows import read_rows, write_rows
from perflab.experiments.null_arm import NULL, Judged, failed_null, null_checks
from perflab.experiments.strategies.arm import Arm, started
from perflab.experiments.strategies.experiment import BASE, FigureSpec, StrategyExperiment
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.stats.schedule import balanced_blocks


@dataclass(frozen=True)
class Sizes:
    """How much one experiment measures; `fresh`: every block starts every arm anew."""

    blocks: int
    seconds: float
    fresh: bool


QUICK = Sizes(blocks=8, seconds=1.0, fresh=False)
FULL = Sizes(blocks=12, seconds=3.0, fresh=True)  # 12: up to 50 arms of a notebook can pass Holm, m * 2^(1 - n) <= 0.05
SHORTEST_S = 0.75  # most experiments have 20 answers by then, of which a tail can be told


@dataclass(frozen=True)
class ExperimentResult:
    """All rows of an experiment, one for each arm and block."""

    experiment: StrategyExperiment
    rows: tuple[dict[str, Any], ...]
    sizes: Sizes

    def column(self, arm: str, name: str) -> np.ndarray:
        """Return one figure of one arm, float64 [blocks], in order of block; NaN where a block lacks it."""
        arm = BASE if arm == "baseline" else arm  # as the null arm's checks call it
        mine = sorted((row for row in self.rows if row["arm"] == arm), key=lambda row: int(row["block"]))
        return np.array([row.get(name, float("nan")) for row in mine], dtype=float)

    @cached_property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The base against itself in every figure, as one family."""
        figures = tuple(_judged(figure) for figure in self.experiment.all_figures)
        return null_checks(self.column, self.experiment.title, figures)

    @property
    def failed_null(self) -> str:
        """What the null arm got wrong, in any figure; empty when it holds."""
        return failed_null(self.null_checks)

    def counts(self, arm: str) -> tuple[int, int]:
        """Return (failed, sent) requests of an arm over all blocks."""
        mine = [row for row in self.rows if row["arm"] == arm]
        return sum(int(row["failed"]) for row in mine), sum(int(row["requests"]) for row in mine)

    def equal_answers(self, arm: str) -> tuple[int, int]:
        """Return in how many blocks an arm's answers equal the base's, and in how many they were compared."""
        base = {row["block"]: row["answers"] for row in self.rows if row["arm"] == BASE}
        pairs = [(row["answers"], base.get(row["block"], "")) for row in self.rows if row["arm"] == arm]
        compared = [pair for pair in pairs if all(pair)]
        return sum(a == b for a, b in compared), len(compared)


def sizes_for(study: Study) -> Sizes:
    """Return the sizes of the study's effort and time scale; counts that statistics rest on stay."""
    sizes = QUICK if study.quick else FULL
    return replace(sizes, seconds=max(sizes.seconds * min(study.time_scale, 1.0), SHORTEST_S))


def run_experiment(study: Study, experiment: StrategyExperiment, sizes: Sizes | None = None) -> ExperimentResult:
    """Run an experiment's blocks, or read them back where the run has them; raises what start or work raises.

    Every block runs base, base again (the null arm) and each arm once in balanced random order, with the same random
    numbers in all of them. Full: fresh processes each time, so that the spread from start to start is in the
    intervals; an interrupted experiment goes on at its next block. Quick: one process for each arm, all started once,
    idle but for their turn; that spread is not in the intervals, so its figures are a screening.
    What a run has already is read back if the same code measured it, whole blocks only.
    Weakness: arms that share a machine with idle siblings see a little less cache; the null arm sees the same.
    """
    sizes = sizes or sizes_for(study)
    path = study.run.folder("samples") / f"strategy.{experiment.key}.json"
    names = [BASE, NULL, *experiment.arms]
    identity = _identity(study, experiment, sizes)
    rows = _whole_blocks(read_rows(path, experiment.key, identity), len(names))
    order = balanced_blocks(names, sizes.blocks, study.seed)
    if len(rows) < sizes.blocks * len(names):
        if experiment.fit:
            experiment = replace(experiment, work=experiment.fit(study, experiment))
        if sizes.fresh:
            _fresh(study, experiment, sizes, order, rows, partial(write_rows, path, identity))
        else:
            rows = _side_by_side(study, experiment, sizes, order)
            write_rows(path, identity, rows)
    return ExperimentResult(experiment, tuple(rows), sizes)


def run_experiments(study: Study, experiments: Sequence[StrategyExperiment]) -> tuple[ExperimentResult, ...]:
    """Run several experiments, one after the other."""
    return tuple(run_experiment(study, experiment) for experiment in experiments)


def _side_by_side(
    study: Study, experiment: StrategyExperiment, sizes: Sizes, order: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        arms = {}
        for i, name in enumerate(order[0]):
            study.progress(experiment.key, i, 2 * len(order[0]), f"starting {name}")
            arms[name] = stack.enter_context(_started(study, experiment, name))
        began, total = time.monotonic(), len(order) * len(order[0])
        for block, names in enumerate(order):
            for name in names:
                _tell(study, experiment, name, len(rows), total, time.monotonic() - began)
                rows.append(arms[name].measure(block, sizes.seconds))
    return rows


def _fresh(
    study: Study, experiment: StrategyExperiment, sizes: Sizes, order: Sequence[Sequence[str]],
    rows: list[dict[str, Any]], keep: Callable[[list[dict[str, Any]]], None],
) -> None:  # fmt: skip
    have = {(row["arm"], int(row["block"])) for row in rows}
    began, total, done = time.monotonic(), len(order) * len(order[0]), 0
    for block, names in enumerate(order):
        for name in names:
            if (name, block) in have:
                continue
            left = total - len(rows)
            _tell(study, experiment, name, done, done + left, time.monotonic() - began)
            with _started(study, experiment, name) as arm:
                arm.begin()
                rows.append(arm.measure(block, sizes.seconds))
            done += 1
            keep(rows)


def _started(study: Study, experiment: StrategyExperiment, name: str) -> Any:
    """Return the context of a started arm; the null arm is the base under another name.

    Its folder begins empty: rows that an earlier block stored would be read, and its logs taken for this one's.
    """
    variant = experiment.variant_of(BASE if name == NULL else name)
    folder = study.run.folder("trials") / f"{experiment.key}-{name.replace('=', '-').replace('+', '-')}"
    shutil.rmtree(folder, ignore_errors=True)
    return started(study, experiment, name, variant, folder)


def _tell(study: Study, experiment: StrategyExperiment, name: str, done: int, total: int, elapsed_s: float) -> None:
    left = elapsed_s / done * (total - done) if done else None
    study.progress(experiment.key, done, total, name, left)


def _judged(figure: FigureSpec) -> Judged:
    return Judged(figure.column, figure.name, figure.margin, figure.unit if figure.in_units else "")


def _identity(study: Study, experiment: StrategyExperiment, sizes: Sizes) -> dict[str, Any]:
    """Return what rows must have in common to be blocks of one experiment."""
    return {
        "sizes": asdict(sizes), "arms": list(experiment.arms), "base": experiment.base, "seed": study.seed,
        "condition": experiment.condition, "conditions": dict(experiment.conditions),
        "commit": commit_of(study.system.path.parent),
    }  # fmt: skip


def _whole_blocks(rows: list[dict[str, Any]], arms: int) -> list[dict[str, Any]]:
    """Leave out a block that was interrupted: pairs are of the same minutes."""
    blocks = [int(row["block"]) for row in rows]
    return [row for row in rows if blocks.count(int(row["block"])) == arms]


__all__ = ["Arm", "ExperimentResult", "Sizes", "run_experiment", "run_experiments", "sizes_for"]
