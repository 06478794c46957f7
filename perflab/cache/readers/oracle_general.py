"""oracleGeneral: libCacheSim's binary format, 24 bytes per request, little endian."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perflab.cache.readers.files import opened_size, shown
from perflab.cache.trace import MOST_REQUESTS, Trace, trace_of
from perflab.errors import UsageError

FORMAT = "oracle-general"
SUFFIXES = (".oraclegeneral", ".oraclegeneral.bin")
RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])


def read(path: Path, *, name: str = "", sizes: bool = True) -> Trace:
    """Return the trace: time in s, id, size in bytes, and the next use, which is not read.

    Requests of 0 bytes are left out and counted as skipped, as libCacheSim does. `sizes=False`: every object as one.
    Raises UsageError for a file that is missing, empty, compressed, cut short, or too long.
    """
    count, rest = divmod(opened_size(path), RECORD.itemsize)
    if rest or not 1 <= count <= MOST_REQUESTS:
        raise UsageError(f"{shown(path)} holds {count} records of {RECORD.itemsize} bytes and {rest} bytes more",
                         f"1 to {MOST_REQUESTS:,} whole records", "It is cut short or of another format")  # fmt: skip
    records = np.memmap(path, RECORD, "r")
    empty = count - int(np.count_nonzero(records["size"]))
    if empty == count:
        raise UsageError(f"{shown(path)} holds only requests of 0 bytes", "objects with a size")
    chosen = records[records["size"] > 0] if empty else records
    return trace_of(name or path.name, np.ascontiguousarray(chosen["id"]),
                    chosen["size"].astype(np.int64) if sizes else None, chosen["time"].astype(np.float64),
                    empty)  # fmt: skip
