"""Loss and jitter buffer for one session, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence


def lost_packets(
    drawn: Sequence[float], fates: Sequence[float], enter: float, leave: float, loss: float, lose_bad: float = 1.0,
    lose_good: float = 0.0,
) -> list[bool]:  # fmt: skip
    """Return which packets are lost, from one uniform number for the start and two for each packet.

    `drawn` [packets + 1] moves the state, `fates` [packets] say whether the packet is lost in it.
    """
    bad, lost = drawn[0] < loss, []
    for number, fate in zip(drawn[1:], fates, strict=True):
        lost.append(fate < (lose_bad if bad else lose_good))
        bad = not number < leave if bad else number < enter
    return lost


def playout(delays_ms: Sequence[float], memory: float, spread: float, spurt: int) -> tuple[int, int, float, list[int]]:
    """Return packets lost, packets late, the mean delay of those played in ms (NaN: none), and which were missed."""
    known = [delay for delay in delays_ms if not math.isnan(delay)]
    if not known:
        return len(delays_ms), 0, math.nan, list(range(len(delays_ms)))
    mean, deviation = known[0], known[0] / 2
    wait, late, waits = mean + spread * deviation, 0, []
    missed = [packet for packet, delay in enumerate(delays_ms) if math.isnan(delay)]
    for packet, delay in enumerate(delays_ms):
        if packet % spurt == 0:
            wait = mean + spread * deviation
        if math.isnan(delay):
            continue
        if delay > wait:
            late += 1
            missed.append(packet)
        else:
            waits.append(wait)
        deviation = memory * deviation + (1 - memory) * abs(delay - mean)
        mean = memory * mean + (1 - memory) * delay
    return len(delays_ms) - len(known), late, sum(waits) / len(waits) if waits else math.nan, sorted(missed)
