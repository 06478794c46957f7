"""The denoiser against its plain oracle: lanes that do not touch, a stated delay, noise that goes, tones that stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.kernels.denoiser import Denoiser
from perflab.audio.kernels.denoiser_setting import DenoiserSetting
from perflab.audio.kernels.oracle.denoiser import denoise
from perflab.errors import UsageError

FRAME, SESSIONS = 320, 19  # more than two registers of eight, the last one not full


def syllables(sessions: int, frames: int, seed: int = 1) -> np.ndarray:
    """Tones that come and go over noise that stays: int16 [sessions, frames * 320]."""
    rng, count = np.random.default_rng(seed), frames * FRAME
    at = np.arange(count) / 16_000
    pitch = rng.uniform(120, 900, (sessions, 1))
    voice = sum(np.sin(2 * np.pi * k * pitch * at) / k for k in range(1, 6))
    on = np.repeat(rng.random((sessions, -(-count // 1600))) < 0.5, 1600, axis=1)[:, :count]
    on[:, :1600] = False
    return np.rint(4_000 * voice * on + rng.normal(0, 300, (sessions, count))).astype(np.int16)


def stream(kernel: Denoiser, pcm: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
    made = []
    for start in range(0, pcm.shape[1], kernel.frame):
        out = np.full((kernel.sessions, kernel.frame), 7, np.int16)
        made.append(kernel.process(np.ascontiguousarray(pcm[:, start : start + kernel.frame]), out, active))
    return np.concatenate(made, axis=1)


@pytest.mark.parametrize("sessions", [1, SESSIONS])
def test_frames_are_what_the_oracle_makes_of_the_whole(sessions: int) -> None:
    pcm = syllables(sessions, 25)
    made = stream(Denoiser(sessions), pcm)
    wanted = np.array([denoise(row, DenoiserSetting()) for row in pcm])
    assert np.abs(made - np.clip(wanted, -32768, 32767)).max() <= 1
    assert np.abs(made).max() > 3_000


def test_another_setting_is_the_oracles_with_that_setting() -> None:
    setting = DenoiserSetting(suppression_db=8, decision_memory=0.9, first_hops=3)
    pcm = syllables(SESSIONS, 15, seed=2)
    made = stream(Denoiser(SESSIONS, setting=setting), pcm)
    wanted = np.array([denoise(row, setting) for row in pcm])
    assert np.abs(made - np.clip(wanted, -32768, 32767)).max() <= 1


def test_the_length_of_frames_changes_no_sample() -> None:
    pcm = syllables(3, 10)
    whole = stream(Denoiser(3), pcm)
    for frame_ms in (10.0, 40.0):
        assert np.array_equal(stream(Denoiser(3, frame_ms=frame_ms), pcm), whole)


def test_without_suppression_it_is_a_delay() -> None:
    pcm = syllables(2, 10)
    kernel = Denoiser(2, setting=DenoiserSetting(suppression_db=0))
    delay = round(kernel.delay_ms * 16)
    assert np.abs(stream(kernel, pcm)[:, delay:].astype(int) - pcm[:, :-delay]).max() <= 1


def test_steady_noise_falls_by_the_stated_suppression_and_a_tone_stays() -> None:
    rng, at = np.random.default_rng(3), np.arange(160 * FRAME) / 16_000
    noise = rng.normal(0, 600, (1, at.size))
    heard = noise.copy()
    heard[0, at.size // 2 :] += 8_000 * np.sin(2 * np.pi * 1_000 * at[at.size // 2 :])
    made = stream(Denoiser(1), np.rint(heard).astype(np.int16))[0].astype(float)
    quiet = slice(at.size // 4, at.size // 2)
    fallen = 20 * np.log10(made[quiet].std() / noise[0, quiet].std())
    assert -17.5 <= fallen <= -13
    start = made[at.size // 2 + FRAME : at.size // 2 + 9 * FRAME]
    assert 20 * np.log10(start.std() * np.sqrt(2) / 8_000) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("spoilt_lane", [3, SESSIONS - 1])
def test_what_one_lane_hears_leaves_the_others_bit_for_bit(spoilt_lane: int) -> None:
    pcm = syllables(SESSIONS, 12)
    spoilt = pcm.copy()
    spoilt[spoilt_lane] = np.random.default_rng(4).integers(-32768, 32768, pcm.shape[1])
    first, second = stream(Denoiser(SESSIONS), pcm), stream(Denoiser(SESSIONS), spoilt)
    others = np.arange(SESSIONS) != spoilt_lane
    assert np.array_equal(first[others], second[others])
    assert not np.array_equal(first[spoilt_lane], second[spoilt_lane])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=SESSIONS, max_size=SESSIONS), min_size=3, max_size=12))
def test_a_pause_leaves_a_session_as_if_it_had_not_been(pauses: list[list[bool]]) -> None:
    kernel, frames = Denoiser(SESSIONS), syllables(SESSIONS, len(pauses)).reshape(SESSIONS, -1, FRAME)
    heard: list[list[np.ndarray]] = [[] for _ in range(SESSIONS)]
    for number, mask in enumerate(pauses):
        active, out = np.array(mask), np.full((SESSIONS, FRAME), 7, np.int16)
        kernel.process(np.ascontiguousarray(frames[:, number]), out, active)
        assert not out[~active].any()
        for session in np.flatnonzero(active):
            heard[session].append(out[session])
    for session in (0, 7, SESSIONS - 1):
        mine = frames[session, [mask[session] for mask in pauses]].reshape(1, -1)
        if mine.size:
            assert np.array_equal(np.concatenate(heard[session]), stream(Denoiser(1), mine)[0])


def test_reset_forgets_those_in_the_mask_alone() -> None:
    kernel, first, second = Denoiser(SESSIONS), syllables(SESSIONS, 12), syllables(SESSIONS, 12, seed=2)
    stream(kernel, first)
    mask = np.arange(SESSIONS) == SESSIONS - 1
    kernel.reset(mask)
    made, fresh = stream(kernel, second), stream(Denoiser(SESSIONS), second)
    assert np.array_equal(made[-1], fresh[-1])
    assert not np.array_equal(made[0], fresh[0])


@pytest.mark.parametrize("value", [0, 32767, -32768])
def test_silence_and_the_loudest_stay_in_bounds(value: int) -> None:
    pcm = np.full((2, 20 * FRAME), value, np.int16)
    pcm[1, ::2] = -value - 1 if value else 0
    made = stream(Denoiser(2), pcm)
    wanted = np.array([denoise(row, DenoiserSetting()) for row in pcm])
    assert np.abs(made - np.clip(wanted, -32768, 32767)).max() <= 1


def test_what_cannot_be_is_refused() -> None:
    for sessions in (0, 1 << 20):
        with pytest.raises(UsageError, match=f"{sessions} sessions"):
            Denoiser(sessions)
    for frame_ms in (0, 5, 12.5, 15, 200):
        with pytest.raises(UsageError, match="in steps of 10 ms"):
            Denoiser(1, frame_ms=frame_ms)
    for suppression_db in (-1, 41, np.nan):
        with pytest.raises(UsageError, match="0 to 40 dB"):
            DenoiserSetting(suppression_db=suppression_db)


def test_wrong_arrays_get_one_clear_error() -> None:
    kernel, good = Denoiser(4), syllables(4, 1)
    for wrong in (good[:3], good[:, :160], good.astype(np.float32), np.asfortranarray(good), good.tolist()):
        with pytest.raises(UsageError, match=r"`pcm` (must be|is)"):
            kernel.process(wrong, np.zeros_like(good))
    with pytest.raises(UsageError, match="`out`"):
        kernel.process(good, good[:, :160])
    with pytest.raises(UsageError, match="`active`"):
        kernel.process(good, np.zeros_like(good), np.ones(3, bool))


def test_noise_that_rises_at_once_is_followed_in_the_stated_time() -> None:
    noise = np.random.default_rng(6).normal(0, 300, (8, 200 * FRAME))
    noise[:, 100 * FRAME :] *= 10**0.5
    heard = np.rint(noise).astype(np.int16)
    made = stream(Denoiser(8), heard)
    fallen = [10 * np.log10(np.square(a.astype(float)).mean() / np.square(b.astype(float)).mean())
              for a, b in zip(np.split(heard, 40, axis=1), np.split(made, 40, axis=1), strict=True)]  # fmt: skip
    assert fallen[19] >= 13 and fallen[20] <= 5
    assert fallen[33] >= 10  # 1.3 to 1.4 s later
