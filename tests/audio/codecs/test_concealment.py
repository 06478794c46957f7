"""Concealment by pitch: it goes on where a voice goes on, fades, and merges without a step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perflab.audio.codecs.concealment import Concealer
from perflab.audio.kernels.pcm import pcm_from_bytes
from perflab.errors import UsageError
from tests.audio.codecs.material import likeness, voice


@pytest.mark.parametrize(("rate", "pitch"), [(16_000, 100.0), (16_000, 200.0), (8_000, 125.0), (16_000, 320.0)])
def test_a_steady_voice_goes_on(rate: int, pitch: float) -> None:
    frame = rate // 50
    at = np.arange(20 * frame) / rate
    sound = np.rint(4_000 * sum(np.sin(2 * np.pi * pitch * h * at) / h for h in (1, 2, 3))).astype(np.int16)
    concealer = Concealer(rate, frame)
    for k in range(10):
        assert np.array_equal(concealer.heard(sound[k * frame : (k + 1) * frame]), sound[k * frame : (k + 1) * frame])
    filled, wanted = concealer.fill(), sound[10 * frame : 11 * frame]
    assert likeness(filled, wanted) > 0.97
    assert abs(np.abs(filled[: frame // 2]).max() / np.abs(wanted).max() - 1) < 0.15


def test_a_long_gap_fades_to_silence_and_ends_without_a_step() -> None:
    concealer, sound = Concealer(16_000, 320), voice(1.0)
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
    concealer, loudest = Concealer(16_000, 320), 0
    for k, gone in enumerate(lost):
        if not gone:
            loudest = max(loudest, int(np.abs(frames[k % 4].astype(int)).max()))
        made = concealer.fill() if gone else concealer.heard(frames[k % 4])
        assert made.dtype == np.int16 and made.shape == (320,)
        assert np.abs(made.astype(int)).max() <= loudest + 1


def test_odd_byte_counts_and_channels_are_refused_before_any_codec() -> None:
    with pytest.raises(UsageError, match="641 bytes of 16-bit PCM"):
        pcm_from_bytes(bytes(641))
    with pytest.raises(UsageError, match="a multiple of 4 bytes"):
        pcm_from_bytes(bytes(642), channels=2)
