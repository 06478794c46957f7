"""Which level pays where a read costs the store a connection of its own?"""

from __future__ import annotations

from perflab.experiments.strategies.caching.zipf_reads import LOADS, MIX, fill_cache, read_and_write
from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads.content import fill

EXPERIMENT = StrategyExperiment(
    key="cache-levels",
    strategy="ST-CACHE-02",
    strategies={"cache=l2": "ST-CACHE-13", "cache=l1_l2": "ST-CACHE-06"},
    title="cache before SQLite, a connection per read",
    arms=("cache=l1", "cache=l2", "cache=l1_l2"),
    condition=f"{MIX}; every miss opens the file anew, Redis on the gateway's core, "
    "a block begins with the cache that a second of the same load has filled",
    work=read_and_write,
    prepare=fill,
    warm=fill_cache,
    figures=(LOADS,),
    price="a read in another worker's process is up to a second old after a write; memory up to 16 MB in each process; "
    "l2: a Redis server, whose CPU and memory are in the figures",
    turns="keys that come back less than once in the time to live (1 s), or a store whose read costs less than the "
    "level: see the same levels before a pooled connection, and the first of them where nothing is written",
)
