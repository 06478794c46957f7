"""Packet loss in bursts: the model of Gilbert and Elliott, a good and a bad state that each lose their share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import check_sessions
from perflab.errors import UsageError

MOST_PACKETS = 10_000_000


def lost_packets(sessions: int, packets: int, loss: float, burst: float, *, seed: int, lose_bad: float = 1.0,
                 lose_good: float = 0.0) -> NDArray[np.bool_]:  # fmt: skip
    """Return which packets are lost: bool [sessions, packets], sessions independent, the same for the same seed.

    `loss`: share of packets that are sent in the bad state in the long run, 0 to below 1. `burst`: mean number of
    packets in a row in the bad state, at least 1 / (1 - loss), which is a state without memory. `lose_bad`,
    `lose_good`: the chance to lose a packet in either state, 0 to 1 (1 - h and 1 - k in Elliott's letters). Packets
    lost in the long run: loss * lose_bad + (1 - loss) * lose_good. With the chances as they stand (Gilbert's model,
    simplified) the bad packets are the lost ones: `loss` is then the loss of packets, and `burst` the mean number lost
    in a row; with others neither is. It begins in the long run's state. Weakness: bursts on radio links last longer
    than a geometric law says. Source: Gilbert, Capacity of a burst-noise channel (1960); Elliott, Estimates of error
    rates for codes on burst-noise channels (1963). Raises UsageError for values outside and for zero sessions.
    """
    from perflab.audio.kernels.compiled.network import walk

    enter, leave = transition(loss, burst)
    _check_chance("lose_bad", lose_bad)
    _check_chance("lose_good", lose_good)
    if not 1 <= packets * check_sessions(sessions) <= MOST_PACKETS:
        raise UsageError(f"{packets} packets of {sessions} sessions", f"1 to {MOST_PACKETS:,} packets in all")
    rng = np.random.default_rng(seed)
    drawn = rng.random((sessions, packets + 1))
    fates = rng.random((sessions, packets))  # after the states: they are the same ones, whatever a state loses
    lost = np.empty((sessions, packets), dtype=np.bool_)
    walk(drawn, fates, enter, leave, loss, float(lose_bad), float(lose_good), lost)
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


def _check_chance(name: str, chance: float) -> None:
    if not 0 <= chance <= 1:
        raise UsageError(f"`{name}` is {chance:g}", "a chance from 0 to 1, that a packet is lost in this state")
