"""The compiled halves of packet loss and of the jitter buffer: recursions in time, which numpy cannot vectorise."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.jit import njit


@njit(cache=True, nogil=True)
def walk(
    drawn: Any, fates: Any, enter: float, leave: float, start_bad: float, lose_bad: float, lose_good: float, lost: Any
) -> None:
    """Walk the two states over `drawn` [sessions, packets + 1]; `fates` [sessions, packets] decide who is lost there.

    Both are uniform in 0..1, 1 left out: a chance of 1 always loses, and one of 0 never.
    """
    for session in range(lost.shape[0]):
        bad = drawn[session, 0] < start_bad
        for packet in range(lost.shape[1]):
            lost[session, packet] = fates[session, packet] < (lose_bad if bad else lose_good)
            bad = drawn[session, packet + 1] >= leave if bad else drawn[session, packet + 1] < enter


@njit(cache=True, nogil=True)
def play(
    delays: Any, memory: float, spread: float, spurt: int, late: Any, lost: Any, held: Any, missed: Any, waits: Any
) -> None:
    """Play packets with `delays` [sessions, packets] in ms, NaN where lost; one row of results per session."""
    for session in range(delays.shape[0]):
        mean, deviation, wait, total, played = 0.0, 0.0, 0.0, 0.0, 0
        seen = False
        for packet in range(delays.shape[1]):
            delay = delays[session, packet]
            if packet % spurt == 0:
                wait = mean + spread * deviation if seen else np.inf
            if np.isnan(delay):
                lost[session] += 1
                missed[session, packet] = True
                continue
            if not seen:
                mean, deviation, seen = delay, delay / 2, True
            if np.isinf(wait):
                wait = mean + spread * deviation
            if delay > wait:
                late[session] += 1
                missed[session, packet] = True
            else:
                waits[session, packet] = wait
                total += wait
                played += 1
            deviation = memory * deviation + (1 - memory) * abs(delay - mean)
            mean = memory * mean + (1 - memory) * delay
        held[session] = total / played if played else np.nan
