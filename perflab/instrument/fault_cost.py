"""What a new page takes on this machine: time in the kernel in which a thread keeps Python's lock."""

from __future__ import annotations

import mmap
import time
from functools import lru_cache

PAGES, ROUNDS = 1024, 5


@lru_cache(maxsize=1)
def page_fault_s() -> float:
    """Return the seconds that a page takes, first touched and later given back, the best of five rounds over 4 MB.

    Less the time of touching the same pages again; measured once, 10 ms. What works steadily gives back what it takes.
    Of small pages: one fault of a huge page (2 MB, where the kernel gives them out) clears 512 times as much and takes
    some 100 times as long, so that programs that get those have more kernel time in faults than a count tells.
    """
    return max(0.0, min(_round() for _ in range(ROUNDS)))


def _round() -> float:
    pages = mmap.mmap(-1, PAGES * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    first, again = _touch(pages), _touch(pages)
    began = time.perf_counter()
    pages.close()
    return (first - again + time.perf_counter() - began) / PAGES


def _touch(pages: mmap.mmap) -> float:
    began = time.perf_counter()
    for at in range(0, PAGES * mmap.PAGESIZE, mmap.PAGESIZE):
        pages[at] = 1
    return time.perf_counter() - began
