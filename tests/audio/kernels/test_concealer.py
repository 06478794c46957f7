"""Concealment by pitch: it goes on where a voice goes on, fades, and merges without a step; all sessions as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perflab.audio.codecs.gaps import Gaps
from perflab.audio.kernels.concealer import Concealer
from perflab.audio.kernels.oracle.concealer import OneConcealer
from perflab.audio.kernels.pcm import pcm_from_bytes
from perflab.errors import UsageError
from tests.audio.codecs.material import likeness, voice


@pytest.mark.parametrize(("rate", "pitch"), [(16_000, 100.0), (16_000, 200.0), (8_000, 125.0), (16_000, 320.0)])
def test_a_steady_voice_goes_on(rate: int, pitch: float) -> None:
    frame = rate // 50
    at = np.arange(20 * frame) / rate
    sound = np.rint(4_000 * sum(np.sin(2 * np.pi * pitch * h * at) / h for h in (1, 2, 3))).astype(np.int16)
    concealer = Gaps(rate, frame)
    for k in range(10):
        assert np.array_equal(concealer.heard(sound[k * frame : (k + 1) * frame]), sound[k * frame : (k + 1) * frame])
    filled, wanted = concealer.fill(), sound[10 * frame : 11 * frame]
    assert likeness(filled, wanted) > 0.97
    assert abs(np.abs(filled[: frame // 2]).max() / np.abs(wanted).max() - 1) < 0.15


def test_a_long_gap_fades_to_silence_and_ends_without_a_step() -> None:
    concealer, sound = Gaps(16_000, 320), voice(1.0)
    for part in np.split(sound[:9_600], 30):
        concealer.heard(part)
    sizes = [float(np.abs(concealer.fill()).mean()) for _ in range(5)]
    assert sizes[0] > sizes[1] > sizes[2] > 0 and sizes[3] == sizes[4] == 0
    back = concealer.heard(sound[9_600:9_920])
    assert abs(int(back[0])) < 0.1 * np.abs(sound).max() and np.array_equal(back[64:], sound[9_664:9_920])
    assert np.array_equal(concealer.heard(sound[:320]), sound[:320])


@settings(max_examples=60, deadline=None)
@given(arrays(np.int16, (4, 320)), st.lists(st.booleans(), max_size=12))
def test_whatever_was_heard_nothing_overflows(frames: np.ndarray, lost: list[bool]) -> None:
    concealer, loudest = Gaps(16_000, 320), 0
    for k, gone in enumerate(lost):
        if not gone:
            loudest = max(loudest, int(np.abs(frames[k % 4].astype(int)).max()))
        made = concealer.fill() if gone else concealer.heard(frames[k % 4])
        assert made.dtype == np.int16 and made.shape == (320,)
        assert np.abs(made.astype(int)).max() <= loudest + 1


FORMS = [(8_000, 80), (8_000, 160), (16_000, 320), (24_000, 960), (44_100, 882), (48_000, 5_760)]


def drawn(rate: int, frame: int, sessions: int, frames: int, seed: int) -> np.ndarray:
    """Return voices of different pitch, noise, silence and full scale: int16 [frames, sessions, samples]."""
    rng = np.random.default_rng(seed)
    seconds = (frames * frame + 1) / rate
    rows = [voice(seconds, rate, pitch_hz=70.0 + 37 * k, seed=k)[: frames * frame] for k in range(sessions)]
    rows[0] = rng.integers(-32768, 32768, frames * frame).astype(np.int16)
    rows[-1] = np.where(np.arange(frames * frame) // 40 % 2, 32767, -32768).astype(np.int16)
    rows[sessions // 2] = np.zeros(frames * frame, np.int16)
    return np.ascontiguousarray(np.stack(rows).reshape(sessions, frames, frame).transpose(1, 0, 2))


@pytest.mark.parametrize(("rate", "frame"), FORMS)
def test_every_session_is_bit_for_bit_what_the_plain_form_makes_of_it(rate: int, frame: int) -> None:
    sessions, frames = 7, 30
    sound = drawn(rate, frame, sessions, frames, rate)
    lost = np.random.default_rng(frame).random((frames, sessions)) < 0.3
    together, alone = Concealer(rate, frame, sessions), [OneConcealer(rate, frame) for _ in range(sessions)]
    out = np.zeros((sessions, frame), np.int16)
    for pcm, gone in zip(sound, lost, strict=True):
        together.process(np.where(gone[:, None], np.int16(-7), pcm), gone, out)
        wanted = [one.fill() if away else one.heard(row) for one, away, row in zip(alone, gone, pcm, strict=True)]
        assert np.array_equal(out, np.stack(wanted))


def test_it_works_in_place_and_a_session_that_is_idle_waits_as_it_is() -> None:
    sound, kernel, other = drawn(16_000, 320, 3, 12, 1), Concealer(16_000, 320, 3), Concealer(16_000, 320, 1)
    gone, idle = np.array([False, True, True]), np.array([True, False, True])
    for number, pcm in enumerate(sound):
        pauses = number in (3, 4, 5, 8)
        heard = kernel.process(pcm, gone & (number > 5), pcm, idle if pauses else None)[1].copy()
        if pauses:
            assert not heard.any()
        else:
            lost = np.array([number > 5])
            assert np.array_equal(heard, other.process(drawn(16_000, 320, 3, 12, 1)[number][1:2], lost, pcm[1:2])[0])


def test_reset_forgets_those_in_the_mask_alone() -> None:
    sound, kernel = drawn(16_000, 320, 4, 3, 2), Concealer(16_000, 320, 4)
    out, lost = np.zeros((4, 320), np.int16), np.ones(4, np.bool_)
    for pcm in sound:
        kernel.process(pcm, ~lost, out)
    kernel.reset(np.array([True, False, False, False]))
    kernel.process(sound[0], lost, out)
    assert not out[0].any() and out[1].any() and out[3].any()
    kernel.reset()
    assert not kernel.process(sound[0], lost, out).any()


def test_what_cannot_be_concealed_is_refused() -> None:
    for rate, frame, sessions in (
        (4_000, 80, 1),
        (96_000, 1_920, 1),
        (16_000, 32, 1),
        (16_000, 1_921, 1),
        (16_000, 320, 0),
    ):
        with pytest.raises(UsageError):
            Concealer(rate, frame, sessions)
    kernel, pcm, lost = Concealer(16_000, 320, 2), np.zeros((2, 320), np.int16), np.zeros(2, np.bool_)
    for arrays_ in (
        (pcm[:1], lost, pcm),
        (pcm.astype(np.float32), lost, pcm),
        (pcm, lost[:1], pcm),
        (pcm, lost, pcm[:, ::2]),
    ):
        with pytest.raises(UsageError):
            kernel.process(*arrays_)


def test_odd_byte_counts_and_channels_are_refused_before_any_codec() -> None:
    with pytest.raises(UsageError, match="641 bytes of 16-bit PCM"):
        pcm_from_bytes(bytes(641))
    with pytest.raises(UsageError, match="a multiple of 4 bytes"):
        pcm_from_bytes(bytes(642), channels=2)
