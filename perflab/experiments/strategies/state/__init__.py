"""Where state is kept and how much of it: the store and history flags, on the real gateway with real servers."""

from __future__ import annotations

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.state import lazy, pruned, replica, stores

EXPERIMENTS: tuple[StrategyExperiment, ...] = (
    stores.EXPERIMENT, replica.EXPERIMENT, lazy.LISTED, lazy.OPENED, pruned.EXPERIMENT,
)  # fmt: skip
