"""The resampler against its plain oracle: exact counts, the stated delay and response, lanes that do not touch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.kernels.oracle.resampler import resample, to_pcm
from perflab.audio.kernels.resampler import Resampler
from perflab.errors import UsageError

PAIRS = [(rate, 16_000) for rate in (48_000, 44_100, 24_000, 8_000)]
BOTH_WAYS = PAIRS + [(out, into) for into, out in PAIRS]


def noise(sessions: int, samples: int, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 9_000, (sessions, samples))
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def stream(kernel: Resampler, pcm: np.ndarray) -> np.ndarray:
    frames = []
    for start in range(0, pcm.shape[1], kernel.frame_in):
        out = np.empty((kernel.sessions, kernel.frame_out), np.int16)
        frames.append(kernel.process(np.ascontiguousarray(pcm[:, start : start + kernel.frame_in]), out))
    return np.concatenate(frames, axis=1)


@pytest.mark.parametrize(("rate_in", "rate_out"), BOTH_WAYS)
@pytest.mark.parametrize("sessions", [3, 21])
def test_frames_are_what_the_oracle_makes_of_the_whole(rate_in: int, rate_out: int, sessions: int) -> None:
    kernel = Resampler(rate_in, rate_out, sessions)
    pcm = noise(sessions, 4 * kernel.frame_in)
    made, wanted = stream(kernel, pcm), to_pcm(resample(pcm, rate_in, rate_out))
    assert made.shape == (sessions, 4 * kernel.frame_out)
    assert np.abs(made.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(("rate_in", "rate_out"), BOTH_WAYS)
@pytest.mark.parametrize("attenuation_db", [100.0, 120.0])
def test_response_keeps_the_mask(rate_in: int, rate_out: int, attenuation_db: float) -> None:
    kernel = Resampler(rate_in, rate_out, 1, attenuation_db=attenuation_db)
    nyquist, rate = min(rate_in, rate_out) / 2, np.lcm(rate_in, rate_out)
    assert np.abs(kernel.response_db(np.linspace(0, 0.9125 * nyquist, 1500))).max() <= 0.1
    upper = min(rate / 2, 12 * nyquist)
    assert kernel.response_db(np.linspace(1.00125 * nyquist, upper, 12_000)).max() <= -attenuation_db


def test_a_swept_tone_sees_the_response_that_is_stated() -> None:
    for frequency, least, most in ((1_000, -0.1, 0.1), (7_300, -0.1, 0.1), (8_010, -200, -90), (12_000, -200, -90)):
        kernel = Resampler(48_000, 16_000, 1)
        tone = 30_000 * np.sin(2 * np.pi * frequency * np.arange(9_600) / 48_000)
        heard = stream(kernel, np.rint(tone).astype(np.int16)[None])[0, 640:].astype(float)
        at = frequency if frequency < 8_000 else 16_000 - frequency
        waves = np.exp(-2j * np.pi * at * np.arange(heard.size) / 16_000)
        gain = 20 * np.log10(max(2 * abs(np.mean(heard * waves)) / 30_000, 1e-9))
        assert least <= gain <= most, frequency


def test_an_impulse_comes_after_the_stated_delay() -> None:
    kernel = Resampler(16_000, 48_000, 1)
    pcm = np.zeros((1, 640), np.int16)
    pcm[0, 100] = 30_000
    assert np.argmax(stream(kernel, pcm)[0]) == 300 + round(kernel.delay_ms * 48)
    assert Resampler(48_000, 16_000, 1).delay_ms <= 5


def test_what_one_lane_hears_leaves_the_others_alone() -> None:
    kernel, again = Resampler(48_000, 16_000, 20), Resampler(48_000, 16_000, 20)
    pcm = noise(20, 2 * kernel.frame_in)
    spoilt = pcm.copy()
    spoilt[3] = np.where(np.arange(pcm.shape[1]) % 2, 32767, -32768)
    others = np.arange(20) != 3
    assert np.array_equal(stream(kernel, pcm)[others], stream(again, spoilt)[others])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=19, max_size=19), min_size=2, max_size=5))
def test_a_pause_leaves_a_session_as_if_it_had_not_been(pauses: list[list[bool]]) -> None:
    kernel, frames = Resampler(24_000, 16_000, 19), noise(19, 480 * len(pauses)).reshape(19, -1, 480)
    heard: list[list[np.ndarray]] = [[] for _ in range(19)]
    for number, mask in enumerate(pauses):
        active = np.array(mask)
        out = np.full((19, 320), 7, np.int16)
        kernel.process(np.ascontiguousarray(frames[:, number]), out, active)
        assert not out[~active].any()
        for session in np.flatnonzero(active):
            heard[session].append(out[session])
    for session in (0, 7, 18):
        mine = frames[session, [mask[session] for mask in pauses]].reshape(1, -1)
        if mine.size:
            alone = stream(Resampler(24_000, 16_000, 1), mine)[0]
            assert np.array_equal(np.concatenate(heard[session]), alone)


def test_reset_forgets_those_in_the_mask_alone() -> None:
    kernel, fresh = Resampler(48_000, 16_000, 18), Resampler(48_000, 16_000, 18)
    first, second = noise(18, 960), noise(18, 960, seed=2)
    stream(kernel, first)
    mask = np.arange(18) == 17
    kernel.reset(mask)
    made, alone = stream(kernel, second), stream(fresh, second)
    assert np.array_equal(made[17], alone[17])
    assert not np.array_equal(made[0], alone[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((22_050, 16_000, 1), "22050 Hz"),
        ((48_000, 16_000, 0), "0 sessions"),
        ((48_000, 16_000, 1 << 20), "1048576 sessions"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[int, int, int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Resampler(*arguments)


def test_frames_and_attenuation_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="whole numbers of samples"):
        Resampler(44_100, 16_000, 1, frame_ms=3)
    with pytest.raises(UsageError, match="140 dB"):
        Resampler(48_000, 16_000, 1, attenuation_db=140)


def test_wrong_arrays_get_one_clear_error() -> None:
    kernel, out = Resampler(48_000, 16_000, 4), np.zeros((4, 320), np.int16)
    good = noise(4, 960)
    for wrong in (good[:3], good[:, :882], good.astype(np.float32), np.asfortranarray(good), good.tolist()):
        with pytest.raises(UsageError, match=r"`pcm` (must be|is)"):
            kernel.process(wrong, out)
    with pytest.raises(UsageError, match="`out`"):
        kernel.process(good, out[:, :160])
    with pytest.raises(UsageError, match="`active`"):
        kernel.process(good, out, np.ones(3, bool))
