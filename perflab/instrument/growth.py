"""Does memory grow? Two attached memray windows of a living process, the second twice as long as the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perflab.instrument.interface import Capture, Target
from perflab.instrument.kept_tables import instrument_of, keep_table
from perflab.instrument.leak import Growth, find_growth
from perflab.instrument.memray import Memray

LABELS = ("t", "2t")
GROWTH_VIEWS = ("leak", "old")  # the others would take as long again to read


def watch_growth(target: Target, out_dir: Path, window_s: float, small_objects: bool = False) -> tuple[Growth, ...]:
    """Attach memray for `window_s` and for twice that; return what grew, leaks first.

    `small_objects`: trace Python's own allocator too, exact for objects up to 512 bytes at about six times the CPU;
    without it they are seen only as whole arenas (P308). Both captures are kept in `out_dir`. Weakness: what grows
    more slowly than 20 KB/s is not told from data in flight; windows below 3 s tell nothing at all from it: of 14 looks
    at a clean gateway through windows of 1 and 2 s eight named a leak.
    Raises InstrumentFailure: P106 without a debugger.
    """
    return judge_growth(capture_growth(target, out_dir, window_s, small_objects), target.source_root)


def capture_growth(target: Target, out_dir: Path, window_s: float, small_objects: bool = False) -> list[Capture]:
    """Attach memray for `window_s` and for twice that; nothing is parsed beside the living process."""
    return [
        _memray(label, small_objects).capture(target, seconds, out_dir)
        for label, seconds in zip(LABELS, (window_s, 2 * window_s), strict=True)
    ]


def judge_growth(captures: Sequence[Capture], source_root: Path) -> tuple[Growth, ...]:
    """Parse and keep two captured windows, the shorter first, and return what grew."""
    short, long = (keep_table(instrument_of(capture), capture, source_root)[0] for capture in captures)
    return tuple(find_growth(short, long, aged=True))


def _memray(label: str, small_objects: bool) -> Memray:
    return Memray("attach", label=label, trace_python_allocators=small_objects, views=GROWTH_VIEWS)
