"""The same levels where a miss costs next to nothing: does a hop to Redis still pay?"""

from __future__ import annotations

from dataclasses import replace

from perflab.experiments.strategies.caching import levels
from perflab.experiments.strategies.caching.zipf_reads import MIX

EXPERIMENT = replace(
    levels.EXPERIMENT,
    key="cache-cheap-store",
    title="cache before SQLite, one open connection",
    condition=f"{MIX}; a miss is a query on an open connection (store=wal_batched), Redis on the gateway's core, "
    "a block begins with the cache that a second of the same load has filled",
    base="baseline+store=wal_batched",
    turns="a store behind a network: then a miss costs more than the level again",
)
