"""The bars of the audio kernels: each beside its best native peer, in the same run, and checked while it is timed."""

from __future__ import annotations

import sys

from perflab.benches.bar import Bar
from perflab.benches.parts import Keep, Say, keep_nothing, run_parts


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the parts named in `only`, or all; then say on which processor, beside which peers."""
    from perflab.benches.audio.contest import circumstances_line

    bars = run_parts(sys.modules[__name__], only, say, keep)
    say(circumstances_line())
    return bars
