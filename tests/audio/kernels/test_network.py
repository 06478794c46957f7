"""Loss in bursts and the jitter buffer: against plain walks, against known truth, and for what is refused."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from perflab.audio.kernels.gilbert import lost_packets, transition
from perflab.audio.kernels.jitter import simulate
from perflab.audio.kernels.lanes import lanes_of
from perflab.audio.kernels.oracle import network as plain
from perflab.audio.kernels.warm_up import STEPS, warm_up
from perflab.errors import UsageError


def draws(sessions: int, packets: int, seed: int) -> list[tuple[list[float], list[float]]]:
    """What moves the states of each session, and what decides its packets: drawn in this order."""
    rng = np.random.default_rng(seed)
    moves, fates = rng.random((sessions, packets + 1)), rng.random((sessions, packets))
    return list(zip(moves.tolist(), fates.tolist(), strict=True))


@pytest.mark.parametrize("chances", [(1.0, 0.0), (0.5, 0.0), (0.75, 0.05), (1.0, 1.0), (0.0, 0.0)])
def test_the_walk_is_that_of_the_oracle(chances: tuple[float, float]) -> None:
    lost = lost_packets(3, 500, 0.2, 3.0, seed=4, lose_bad=chances[0], lose_good=chances[1])
    wanted = [plain.lost_packets(*drawn, *transition(0.2, 3.0), 0.2, *chances) for drawn in draws(3, 500, 4)]
    assert lost.tolist() == wanted
    assert lost.all() == (chances == (1, 1)) and lost.any() == (chances != (0, 0))


def test_a_state_that_loses_all_or_nothing_loses_what_it_always_did() -> None:
    """Studies are drawn from this: the packets of Gilbert, from before there was a chance to be lost in a state."""
    drawn = np.packbits(lost_packets(3, 500, 0.2, 3.0, seed=4)).tobytes()
    assert hashlib.sha256(drawn).hexdigest()[:16] == "01a04156aa13c4af"


@pytest.mark.parametrize(("bad", "good"), [(0.5, 0.0), (0.8, 0.02), (0.1, 0.1)])
def test_packets_lost_are_those_of_both_states(bad: float, good: float) -> None:
    lost = lost_packets(400, 5_000, 0.2, 5.0, seed=1, lose_bad=bad, lose_good=good)
    shares = lost.mean(axis=1)  # sessions are independent, packets of one are not
    error = shares.std(ddof=1) / math.sqrt(shares.size)
    assert abs(shares.mean() - (0.2 * bad + 0.8 * good)) <= 3 * error and error <= 0.002


@pytest.mark.parametrize(("loss", "burst"), [(0.05, 1.0 / 0.95), (0.1, 2.0), (0.2, 5.0)])
def test_loss_and_bursts_are_those_asked_for(loss: float, burst: float) -> None:
    lost = lost_packets(200, 5_000, loss, burst, seed=1)
    starts = lost & ~np.pad(lost, ((0, 0), (1, 0)))[:, :-1]
    assert lost.mean() == pytest.approx(loss, rel=0.03)
    assert lost.sum() / starts.sum() == pytest.approx(burst, rel=0.03)
    assert not lost_packets(2, 50, 0.0, 1.0, seed=1).any()


def test_playout_is_that_of_the_oracle() -> None:
    rng = np.random.default_rng(2)
    delays = 30 + rng.gamma(2, 8, (12, 400))
    delays[rng.random(delays.shape) < 0.1] = np.nan
    delays[5], delays[6, :60] = np.nan, np.nan
    made = simulate(delays, memory=0.99)
    wanted = [plain.playout(row.tolist(), 0.99, 4.0, 50) for row in delays]
    assert made.lost.tolist() == [row[0] for row in wanted]
    assert made.late.tolist() == [row[1] for row in wanted]
    assert made.delay_ms == pytest.approx([row[2] for row in wanted], nan_ok=True)
    assert math.isnan(made.delay_ms[5])
    assert [np.flatnonzero(row).tolist() for row in made.missed] == [row[3] for row in wanted]
    assert np.array_equal(np.isnan(made.waits_ms), made.missed)
    played = ~made.missed
    assert (made.waits_ms[played] >= delays[played]).all()
    assert [row[~gone].mean() for row, gone in zip(made.waits_ms, made.missed, strict=True) if not gone.all()] == (
        pytest.approx([row[2] for row in wanted if not math.isnan(row[2])])
    )


def test_more_spread_means_fewer_late_packets_and_more_delay() -> None:
    delays = 30 + np.random.default_rng(3).gamma(2, 8, (50, 1_000))
    few, many = simulate(delays, spread=1.0), simulate(delays, spread=6.0)
    assert few.late.sum() > 10 * many.late.sum()
    assert few.delay_ms.mean() < many.delay_ms.mean()


def test_one_session_changes_no_other() -> None:
    delays = 30 + np.random.default_rng(3).gamma(2, 8, (8, 300))
    spoilt = delays.copy()
    spoilt[3] = np.nan
    first, second = simulate(delays), simulate(spoilt)
    assert np.array_equal(np.delete(first.delay_ms, 3), np.delete(second.delay_ms, 3))


@pytest.mark.parametrize(
    ("loss", "burst", "said"), [(1.0, 2.0, "loss of 1"), (-0.1, 2, "loss of -0.1"), (0.5, 0.5, "Bursts"),
                                (0.9, 2, "long enough"), (math.nan, 2, "loss of nan"), (0.1, math.nan, "Bursts of nan")]
)  # fmt: skip
def test_chains_that_cannot_be_are_refused(loss: float, burst: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lost_packets(1, 10, loss, burst, seed=1)


@pytest.mark.parametrize("chance", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("state", ["lose_bad", "lose_good"])
def test_chances_that_are_none_are_refused(state: str, chance: float) -> None:
    with pytest.raises(UsageError, match=f"`{state}` is {chance:g}"):
        lost_packets(1, 10, 0.1, 2.0, seed=1, **{state: chance})


def test_bad_delays_are_refused() -> None:
    for wrong, said in ((np.zeros(5), "float64"), (np.zeros((0, 5)), "float64"), (np.full((1, 2), -1.0), "negative"),
                        (np.full((1, 2), np.inf), "infinite")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            simulate(wrong)
    with pytest.raises(UsageError, match="Memory 1"):
        simulate(np.zeros((1, 2)), memory=1.0)
    with pytest.raises(UsageError, match="0 sessions"):
        lost_packets(0, 10, 0.1, 2, seed=1)


def test_lanes_follow_the_processor() -> None:
    assert [lanes_of(found) for found in ({}, {"avx": True}, {"avx": True, "avx512f": True})] == [4, 8, 16]


def test_warming_up_says_a_line_per_kernel() -> None:
    lines: list[str] = []
    assert warm_up(lines.append) > 0
    assert len(lines) == len(STEPS)
    assert lines[0].startswith(f"kernels 1/{len(STEPS)}: resampler ready after")
