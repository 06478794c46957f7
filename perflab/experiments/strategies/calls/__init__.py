"""Calls to a service behind the gateway: clients and pools, sharing, batches, retries, breakers, bulkheads, rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflab.experiments.strategies.experiment import StrategyExperiment

    EXPERIMENTS: tuple[StrategyExperiment, ...]


def __getattr__(name: str) -> Any:
    if name != "EXPERIMENTS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from perflab.experiments.strategies.calls import batch, clients, dedup, failures, http2, noisy

    return (
        clients.FEW, clients.MANY, http2.EXPERIMENT, dedup.EXPERIMENT, batch.BUSY, batch.QUIET, batch.CROWDS,
        failures.BURST, failures.SLOW, failures.FLAKY, noisy.EXPERIMENT,
    )  # fmt: skip
