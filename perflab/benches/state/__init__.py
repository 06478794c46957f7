"""The bars of session state and of the API before it: a million rows as accesses arrive, losses of a kill, requests."""

from __future__ import annotations

import sys

from perflab.benches.bar import Bar
from perflab.benches.parts import Keep, Say, keep_nothing, run_parts


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the parts named in `only`, or all."""
    return run_parts(sys.modules[__name__], only, say, keep)
