"""Does memory grow? Two attached memray windows of a living process, the second twice as long as the first."""

from __future__ import annotations

from pathlib import Path

from perflab.instrument.interface import Target
from perflab.instrument.kept_tables import keep_table
from perflab.instrument.leak import Growth, find_growth
from perflab.instrument.memray import Memray
from perflab.instrument.table import ProfileTable

LABELS = ("t", "2t")


def watch_growth(target: Target, out_dir: Path, window_s: float, small_objects: bool = False) -> tuple[Growth, ...]:
    """Attach memray for `window_s` and for twice that; return what grew, leaks first.

    `small_objects`: trace Python's own allocator too, exact for objects up to 512 bytes at about six times the CPU;
    without it they are seen only as whole arenas (P308). Both captures are kept in `out_dir`. Weakness: what grows
    more slowly than 20 KB/s is not told from data in flight. Raises InstrumentFailure: P106 without a debugger.
    """
    tables: list[ProfileTable] = []
    for label, seconds in zip(LABELS, (window_s, 2 * window_s), strict=True):
        memray = Memray("attach", label=label, trace_python_allocators=small_objects)
        capture = memray.capture(target, seconds, out_dir)
        tables.append(keep_table(memray, capture, target.source_root)[0])
    short, long = tables
    return tuple(find_growth(short, long))
