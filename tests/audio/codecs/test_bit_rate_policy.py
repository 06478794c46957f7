"""The bit rate that follows a link: properties over any history, and known links driven to their end."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.codecs.bit_rate_policy import (
    CLEAN_MS,
    HEADER_BYTES,
    HOLD_MS,
    LADDER,
    OVERUSE_MS,
    BitRatePolicy,
)
from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.link_estimate import LinkEstimate, LinkEstimator
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.errors import UsageError
from tests.audio.codecs.material import voice

links = st.builds(LinkEstimate, loss=st.floats(0, 1), queue_ms=st.floats(0, 5_000),
                  received_bit_s=st.floats(0, 200_000), packets=st.just(1_000))  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.tuples(links, st.floats(1, 3_000)), max_size=60))
def test_any_history_keeps_the_rules(history: list[tuple[LinkEstimate, float]]) -> None:
    policy, now, changed = BitRatePolicy(), 0.0, -math.inf
    for link, later in history:
        before, now = policy.bit_rate, now + later
        asked = policy.decide(link, now)
        after = LADDER.index(policy.bit_rate) - LADDER.index(before)
        assert asked.bit_rate == policy.bit_rate in LADDER
        assert after <= 1
        if after > 0:
            assert link.queue_ms < CLEAN_MS and link.loss < 0.02
        if after:
            assert now - changed >= HOLD_MS
            changed = now
        elif link.queue_ms > OVERUSE_MS:
            assert before == LADDER[0] or now - changed < HOLD_MS
        assert bool(asked.fec) == (policy.bit_rate >= 24_000 and link.loss >= 0.03)
        assert asked.loss_percent == 0 if not asked.fec else 10 <= (asked.loss_percent or 0) <= 25


@given(links, links)
def test_a_worse_link_never_gets_more(one: LinkEstimate, other: LinkEstimate) -> None:
    """From the same state, more queue, more loss and less received never lead to a higher rate."""
    better = LinkEstimate(min(one.loss, other.loss), min(one.queue_ms, other.queue_ms),
                          max(one.received_bit_s, other.received_bit_s), 1_000)  # fmt: skip
    worse = LinkEstimate(max(one.loss, other.loss), max(one.queue_ms, other.queue_ms),
                         min(one.received_bit_s, other.received_bit_s), 1_000)  # fmt: skip
    rates = []
    for link in (better, worse):
        policy = BitRatePolicy(start=24_000)
        policy.decide(LinkEstimate(0, 0, 50_000, 1_000), 0.0)
        rates.append(policy.decide(link, 2_500.0).bit_rate or 0)
    assert rates[0] >= rates[1]


def driven(capacity_bit_s: float, seconds: float, loss_every: int = 0, start: int = 32_000) -> tuple[list[int], float]:
    """Drive a queue of that capacity (headers counted): rates by tick, and the share of packets late by 200 ms."""
    policy, estimator, free_at, rates, late = BitRatePolicy(start=start), LinkEstimator(), 0.0, [], 0
    under_way: deque[tuple[float, float, float | None, int]] = deque()
    for k in range(int(50 * seconds)):
        now = 20.0 * k
        while under_way and under_way[0][0] <= now:  # what happened to a packet is known 60 ms after it arrived
            estimator.packet(*under_way.popleft()[1:])
        if k % 5 == 0:
            policy.decide(estimator.estimate(now), now)
        size = policy.bit_rate // 400 + 40
        free_at = max(free_at, now) + 8e3 * size / capacity_bit_s
        arrived = None if loss_every and k % loss_every == 0 else free_at + 30
        under_way.append((free_at + 90, now - 5_000, arrived, size))  # the sender's clock is 5 s behind
        late += free_at - now > 200
        rates.append(policy.bit_rate)
    return rates, late / len(rates)


def test_a_clean_link_gets_the_top() -> None:
    rates, late = driven(1e6, 15, start=8_000)
    assert rates[0] == 8_000 and rates[-1] == 32_000
    assert sorted(rates) == rates and late == 0


@pytest.mark.parametrize(("capacity", "fits"), [(27_000, 8_000), (35_000, 16_000), (44_000, 24_000)])
def test_a_narrow_link_gets_what_fits(capacity: int, fits: int) -> None:
    rates, late = driven(capacity, 60)
    settled = rates[len(rates) // 2 :]
    assert max(set(settled), key=settled.count) == fits
    assert late < 0.12  # nearly all of it at the start: 32 kbit/s into a link that holds 8 leaves a queue to drain
    assert sum(a <= fits < b for a, b in pairwise(settled)) <= 3  # each failed step up doubles the wait


def test_loss_without_a_queue_gets_fec_and_not_silence() -> None:
    rates, _ = driven(1e6, 20, loss_every=7)
    assert rates[-1] == 24_000
    policy = BitRatePolicy(start=24_000)
    asked = policy.decide(LinkEstimate(0.14, 0.0, 40_000, 500), 1_000.0)
    assert asked.fec and asked.loss_percent == 14


# kbit/s of the link and one packet lost in so many, 20 s each: wide, lossy, narrow, wide again
PIECES = ((1_000.0, 0), (1_000.0, 7), (35.0, 0), (1_000.0, 0))
PIECE_S = 20


def encoded_over_the_link() -> list[tuple[Settings, int, bool]]:
    """Drive a real encoder by the policy over PIECES: what was decided, the bytes, and whether FEC is in the packet."""
    policy, estimator, batch, free_at, found = BitRatePolicy(start=32_000), LinkEstimator(), OpusBatch(1), 0.0, []
    packets, sizes = np.zeros((1, PACKET_BYTES), np.uint8), np.zeros(1, np.int32)
    frames = voice(1.0).reshape(-1, 1, 320)
    under_way: deque[tuple[float, float, float | None, int]] = deque()
    for k in range(50 * PIECE_S * len(PIECES)):
        now, (link, loss_every) = 20.0 * k, PIECES[k // (50 * PIECE_S)]
        while under_way and under_way[0][0] <= now:
            estimator.packet(*under_way.popleft()[1:])
        if k % 5 == 0:
            decided = policy.decide(estimator.estimate(now), now)
            batch.configure(decided)
        size = int(batch.encode(frames[k % len(frames)], packets, sizes)[0])
        free_at = max(free_at, now) + 8 * (size + HEADER_BYTES) / link
        arrived = None if loss_every and k % loss_every == 0 else free_at + 30
        under_way.append((free_at + 60, now, arrived, size + HEADER_BYTES))
        found.append((decided, size, bool(packets[0, 1] & 0x40)))  # RFC 6716, 4.2.3: the flag after that of the voice
    return found


def test_a_real_encoder_follows_what_the_policy_decides() -> None:
    found = encoded_over_the_link()
    settled = [found[(50 * PIECE_S) * (piece + 1) - 250 : (50 * PIECE_S) * (piece + 1)] for piece in range(len(PIECES))]
    rates = [{asked.bit_rate for asked, _, _ in part} for part in settled]
    assert rates[0] == rates[3] == {32_000} and rates[1] == {24_000} and max(rates[2]) <= 16_000
    assert [any(asked.fec for asked, _, _ in part) for part in settled] == [False, True, False, False]
    sizes = [float(np.mean([size for _, size, _ in part])) for part in settled]
    assert sizes[0] == pytest.approx(80, rel=0.2) == sizes[3] and sizes[1] == pytest.approx(60, rel=0.2)
    assert sizes[2] < 0.6 * sizes[0]
    carrying = [float(np.mean([carried for _, _, carried in part])) for part in settled]
    assert carrying[1] > 0.5 and carrying[0] == carrying[2] == carrying[3] == 0


def test_the_estimate_is_that_of_the_packets() -> None:
    estimator = LinkEstimator()
    assert estimator.estimate(0.0) == LinkEstimate(0.0, 0.0, 0.0, 0)
    for k in range(200):
        queue = 0.0 if k < 100 else 50.0
        estimator.packet(20.0 * k, None if k % 10 == 0 else 20.0 * k - 1e6 + queue, 80)
    seen = estimator.estimate(20.0 * 199 - 1e6 + 50)
    assert seen.loss == pytest.approx(0.1) and seen.queue_ms == pytest.approx(50)
    assert seen.received_bit_s == pytest.approx(8 * 80 * 45, rel=0.03) and seen.packets == 200


@pytest.mark.parametrize("seconds", [0.3, 0.6, 0.9, 3.0])
def test_a_young_link_is_not_taken_for_a_narrow_one(seconds: float) -> None:
    """What a link of 35 kbit/s delivers is 35 kbit/s from the first second on, not what came in it."""
    estimator, arrived = LinkEstimator(), 0.0
    for k in range(int(50 * seconds)):
        arrived = max(arrived, 20.0 * k) + 8 * 120 / 35
        if arrived <= 1e3 * seconds:
            estimator.packet(20.0 * k, arrived, 120)
    assert estimator.estimate(1e3 * seconds).received_bit_s == pytest.approx(35_000, rel=0.1)


def test_one_packet_alone_tells_no_rate() -> None:
    estimator = LinkEstimator()
    estimator.packet(0.0, 40.0, 120)
    assert estimator.estimate(40.0).received_bit_s == estimator.estimate(60.0).received_bit_s == 0


def test_bad_input_is_refused() -> None:
    for packet in ((math.nan, 1.0, 80), (0.0, math.inf, 80), (0.0, None, -1)):
        with pytest.raises(UsageError, match="finite times"):
            LinkEstimator().packet(*packet)  # type: ignore[arg-type]
    for rungs, start in (((), 1), ((9_000, 8_000), 8_000), ((8_000, 9_000), 7_000)):
        with pytest.raises(UsageError, match="rising bit rates"):
            BitRatePolicy(rungs, start)
