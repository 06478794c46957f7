"""The level in the process where nothing is written: with the mix it brackets the share of writes that it bears."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from perflab.experiments.strategies.caching import levels
from perflab.experiments.strategies.caching.zipf_reads import CONDITION, fill_cache, read_and_write

EXPERIMENT = replace(
    levels.EXPERIMENT,
    key="cache-no-writes",
    title="cache before SQLite, nothing written",
    arms=("cache=l1",),
    condition=f"{CONDITION}, none written; every miss opens the file anew, "
    "a block begins with the cache that a second of the same load has filled",
    work=partial(read_and_write, write_share=0.0),
    warm=partial(fill_cache, write_share=0.0),
    turns="writes to what is read: see the same level with writes among the reads; keys that come back less than once "
    "in the time to live (1 s)",
)
