"""The marks that the gateway stamps on a turn: CLOCK_MONOTONIC nanoseconds, 0 = did not happen (yet).

CLOCK_MONOTONIC is one clock for all processes of a host, so marks compare with the client's and stand-in's.
"""

from __future__ import annotations

import time
from enum import IntEnum

MARK_COUNT = 8
NO_MARKS: tuple[int, ...] = (0,) * MARK_COUNT


class Mark(IntEnum):
    """Position of each mark in the block, in the order in which a turn passes them."""

    RX_FIRST = 0  # first frame of the turn received from the client
    RX_LAST = 1  # frame flagged END_OF_SPEECH received from the client
    UP_TX_LAST = 2  # that frame handed to the upstream socket
    UP_RX_FIRST = 3  # first reply audio received from upstream
    TOOL_START = 4  # tool call received from upstream
    TOOL_END = 5  # tool response handed to the upstream socket
    TX_FIRST = 6  # first reply audio handed to the client socket
    TX_LAST = 7  # last frame of the reply handed to the client socket


def now_ns() -> int:
    """Return CLOCK_MONOTONIC in nanoseconds."""
    return time.monotonic_ns()
