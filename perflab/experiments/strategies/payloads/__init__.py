"""What is sent and how: codings, serialisers, sparse payloads, event transports and the voice path, on real servers."""

from __future__ import annotations

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads import compression, events, serialiser, sparse, voice

EXPERIMENTS: tuple[StrategyExperiment, ...] = (
    compression.EXPERIMENT, serialiser.EXPERIMENT, sparse.EXPERIMENT, events.EXPERIMENT,
    voice.EXPERIMENT,
)  # fmt: skip
