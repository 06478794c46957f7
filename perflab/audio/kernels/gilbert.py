"""Packet loss in bursts: the model of Gilbert, whose bad state loses every packet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import check_sessions
from perflab.errors import UsageError

MOST_PACKETS = 10_000_000


def lost_packets(sessions: int, packets: int, loss: float, burst: float, *, seed: int) -> NDArray[np.bool_]:
    """Return which packets are lost: bool [sessions, packets], sessions independent, the same for the same seed.

    `loss`: share of packets lost in the long run, 0 to below 1. `burst`: mean number lost in a row, at least
    1 / (1 - loss), which is loss without memory. It begins in the long run's state. Weakness: real bad states lose
    only a part (Elliott), and bursts on radio links last longer than a geometric law says. Source: Gilbert, Capacity
    of a burst-noise channel (1960). Raises UsageError for values outside and for zero sessions.
    """
    from perflab.audio.kernels.compiled.network import walk

    enter, leave = transition(loss, burst)
    if not 1 <= packets * check_sessions(sessions) <= MOST_PACKETS:
        raise UsageError(f"{packets} packets of {sessions} sessions", f"1 to {MOST_PACKETS:,} packets in all")
    drawn = np.random.default_rng(seed).random((sessions, packets + 1))
    lost = np.empty((sessions, packets), dtype=np.bool_)
    walk(drawn, enter, leave, loss, lost)
    return lost


def transition(loss: float, burst: float) -> tuple[float, float]:
    """Return the chances to enter and to leave the bad state; raises UsageError for what no chain can have."""
    if not 0 <= loss < 1:
        raise UsageError(f"A loss of {loss:g}", "a share from 0 to below 1")
    if not 1 <= burst < float("inf") or loss > burst / (1 + burst):
        raise UsageError(f"Bursts of {burst:g} packets at a loss of {loss:g}",
                         "at least 1, and long enough: loss <= burst / (1 + burst)")  # fmt: skip
    leave = 1 / burst
    return leave * loss / (1 - loss), leave
