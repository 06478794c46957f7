"""The text traces of the LIRS paper: one block number per line; what is no number (such as `*`) marks a phase."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np

from perflab.cache.readers.files import excerpt, lines, shown
from perflab.cache.trace import Trace, trace_of
from perflab.errors import UsageError

FORMAT = "lirs"
SUFFIXES = (".lirs", ".trc", ".trace")
MARKS = ("*",)


def read(path: Path, *, name: str = "", sizes: bool = True) -> Trace:
    """Return the trace, every object counted as one; lines with `*` are skipped and counted.

    Raises UsageError for a line that is neither a block number of up to 63 bits nor `*`.
    """
    blocks, skipped = array("q"), 0
    for number, text in lines(path):
        if text in MARKS:
            skipped += 1
            continue
        if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 1 << 63:
            raise UsageError(f"{shown(path)} has {excerpt(text)} in line {number}", "one block number per line, or *")
        blocks.append(int(text))
    return trace_of(name or path.name, np.frombuffer(blocks, np.int64), skipped=skipped)
