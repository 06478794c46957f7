"""Troubles by name: sets of faults that experiments and conditions speak of.

A burst repeats, so that every block of an experiment can begin at the same moment of it: `/stats` tells the age.
"""

from __future__ import annotations

BURST_S, BURST_LENGTH_S, BURST_EVERY_S = 0.3, 0.4, 2.0
SLOW_S, SLOW_LENGTH_S, SLOW_EVERY_S, SLOW_MS = 0.1, 1.0, 2.5, 150
_SLOW = f"@{SLOW_S:g}+{SLOW_LENGTH_S:g}/{SLOW_EVERY_S:g}"
TROUBLES: dict[str, str] = {
    "none": "",
    "burst503": f"rest_503@{BURST_S:g}+{BURST_LENGTH_S:g}/{BURST_EVERY_S:g}",  # all of them, for 0.4 s of every 2 s
    "slow503": f"stall{_SLOW}:{SLOW_MS},rest_503{_SLOW}",  # all of them for a second, each refused only after 150 ms
    "flaky503": "rest_503%0.05",  # one in twenty, each by itself
    "resets": "reset%0.05",
    "slow_tail": "stall%0.02:1000",  # one in fifty takes a second more
}
