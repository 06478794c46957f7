"""Caches before the session state, measured on the running gateway: one experiment a file."""

from perflab.experiments.strategies.caching import (
    aside,
    cheap_store,
    invalidation,
    levels,
    loader,
    no_writes,
    single_flight,
    templates,
    writes,
)
from perflab.experiments.strategies.experiment import StrategyExperiment

EXPERIMENTS: tuple[StrategyExperiment, ...] = (
    levels.EXPERIMENT,
    cheap_store.EXPERIMENT,
    aside.EXPERIMENT,
    writes.EXPERIMENT,
    invalidation.EXPERIMENT,
    single_flight.EXPERIMENT,
    loader.EXPERIMENT,
    templates.EXPERIMENT,
    no_writes.EXPERIMENT,
)
