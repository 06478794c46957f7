"""Cache-aside against no cache at all: are re-reads faster, and are writes what they were?"""

from __future__ import annotations

from dataclasses import replace

from perflab.experiments.strategies.caching import writes
from perflab.experiments.strategies.caching.writes import AFTER_WRITE, PER_S, WRITE_MS, WRITE_SHARE

EXPERIMENT = replace(
    writes.EXPERIMENT,
    key="cache-aside",
    strategy="ST-CACHE-07",
    strategies={},
    title="cache-aside against no cache",
    arms=("cache=l1+cache_write=aside",),
    condition=f"{PER_S:g} requests/s, {100 * WRITE_SHARE:g} % create a session and read it back; SQLite synced at each "
    "write, cache in process, against no cache",
    base="baseline",
    figures=(WRITE_MS, AFTER_WRITE),
    price="each write makes what is cached of its session unreadable, and the next read is a miss; a read in another "
    "worker's process is up to a second old",
    turns="sessions that are read back once after each write: that read is always a miss; see cache_write=through",
)
