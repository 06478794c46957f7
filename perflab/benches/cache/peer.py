"""The peer: libCacheSim (C), through its wheel, on a trace in its own binary format."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from perflab.cache.readers.oracle_general import RECORD
from perflab.cache.trace import Trace

CLASSES = {"FIFO": "FIFO", "LRU": "LRU", "CLOCK": "Clock", "SIEVE": "Sieve", "S3-FIFO": "S3FIFO"}
HASH_POWER = 16  # of its table: the fastest for 10,000 objects (its default, 24, takes twice the time)
WHY = "libcachesim is not installed: pip install libcachesim"


def installed() -> bool:
    """Whether the peer is there."""
    try:
        metadata.version("libcachesim")
    except metadata.PackageNotFoundError:
        return False
    return True


def write_trace(path: Path, trace: Trace, spread: int = 1) -> None:
    """Write a trace as oracleGeneral records; `spread` multiplies the ids, so that they are dense no more."""
    records = np.zeros(trace.requests, RECORD)
    records["id"] = (trace.ids.astype(np.uint64) + np.uint64(1)) * np.uint64(spread)
    records["size"] = 1 if trace.sizes is None else trace.sizes
    records["next"] = -2
    records.tofile(path)


def process(policy: str, path: Path, requests: int, capacity: int, *, by_size: bool = False) -> int:
    """Read the file, simulate, and return the missed requests."""
    import libcachesim as peer

    options = peer.ReaderInitParam(ignore_obj_size=not by_size)
    reader: Any = peer.TraceReader(str(path), peer.TraceType.ORACLE_GENERAL_TRACE, options)
    ratio, _ = getattr(peer, CLASSES[policy])(capacity, hashpower=HASH_POWER).process_trace(reader)
    return round(float(ratio) * requests)
