"""Troubles by name: sets of faults that experiments and conditions speak of.

A burst repeats, so that every block of an experiment can begin at the same moment of it: `/stats` tells the age.
"""

from __future__ import annotations

BURST_S, BURST_LENGTH_S, BURST_EVERY_S = 0.3, 0.4, 2.0
TROUBLES: dict[str, str] = {
    "none": "",
    "burst503": f"rest_503@{BURST_S:g}+{BURST_LENGTH_S:g}/{BURST_EVERY_S:g}",  # all of them, for 0.4 s of every 2 s
    "flaky503": "rest_503%0.05",  # one in twenty, each by itself
    "resets": "reset%0.05",
    "slow_tail": "stall%0.02:1000",  # one in fifty takes a second more
}
