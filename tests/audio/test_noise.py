"""Noises have the spectrum and the power that they claim, and mix at the ratio asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.noise.babble import babble
from perflab.audio.noise.kinds import KINDS, clicks, hum, pink, white
from perflab.audio.noise.mixing import mixed, speech_rms
from perflab.errors import StatisticError, UsageError

RATE, LENGTH = 16_000, 48_000
SPEECH = np.tile(np.r_[np.full(6_400, 1_000), np.zeros(6_400)].astype(np.int16), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_noise_of_power_one(kind: str) -> None:
    first, again, other = (KINDS[kind](LENGTH, RATE, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.sqrt(np.mean(first**2)) == pytest.approx(1) and first.shape == (LENGTH,)
    assert KINDS[kind](1, RATE, 1).shape == (1,)


def octave_db(noise: np.ndarray, low: float) -> float:
    """Return the power between low and 2 low, in dB."""
    power, hz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(noise.size, 1 / RATE)
    return float(10 * np.log10(power[(hz >= low) & (hz < 2 * low)].sum()))


def test_spectra_fall_as_they_should() -> None:
    flat, sloped = white(8 * LENGTH, RATE, 3), pink(8 * LENGTH, RATE, 3)
    for low in (125, 500, 2_000):  # equal power per octave is -3 dB per octave in density
        assert octave_db(flat, 2 * low) - octave_db(flat, low) == pytest.approx(3, abs=0.5)
        assert octave_db(sloped, 2 * low) - octave_db(sloped, low) == pytest.approx(0, abs=0.5)
    lines = np.abs(np.fft.rfft(hum(RATE, RATE, 3)))
    assert set(np.argsort(lines)[-7:]) == {50, 100, 150, 200, 250, 300, 350}
    assert (clicks(LENGTH, RATE, 3) == 0).mean() > 0.9


@settings(deadline=None, max_examples=30)
@given(st.floats(-10, 30), st.sampled_from(sorted(KINDS)), st.integers(0, 5_000))
def test_the_ratio_is_that_of_speech_without_pauses(snr: float, kind: str, lead_in: int) -> None:
    noise = 0.3 * KINDS[kind](SPEECH.size + lead_in, RATE, 1)
    out = mixed(SPEECH // 4, noise, snr, lead_in)  # quiet enough that nothing is cut off
    rest = out.astype(float)
    rest[lead_in:] -= SPEECH // 4
    if np.abs(out.astype(int)).max() < 32_767:
        assert 20 * np.log10(250 / np.sqrt(np.mean(rest**2))) == pytest.approx(snr, abs=0.1)
    assert out.dtype == np.int16 and out.size == SPEECH.size + lead_in


def test_what_leaves_the_range_is_held_at_its_ends() -> None:
    out = mixed(np.full(3_200, 32_000, np.int16), np.ones(3_200), 0)
    assert (out == 32_767).all() and speech_rms(SPEECH) == pytest.approx(1_000)


def test_babble_is_many_voices_and_repeats() -> None:
    rng = np.random.default_rng(1)
    voices = [rng.normal(0, level, 20_000).astype(np.int16) for level in (300, 3_000)]
    first, again = (babble(voices, LENGTH, 7) for _ in range(2))
    assert np.array_equal(first, again) and np.sqrt(np.mean(first**2)) == pytest.approx(1)
    assert babble(voices[:1], 10, 7, talkers=1).size == 10
    with pytest.raises(UsageError, match="0 voices"):
        babble([], 10, 1)
    with pytest.raises(StatisticError, match="silent"):
        babble([np.zeros(9, np.int16)], 10, 1)


def test_what_cannot_be_mixed_is_refused() -> None:
    noise = white(SPEECH.size, RATE, 1)
    for speech, other, snr, lead_in, said in (
        (SPEECH.astype(float), noise, 0.0, 0, "Speech is float64"), (SPEECH, noise, 0.0, 1, "finite samples or more"),
        (SPEECH, noise, 0.0, -1, "lead-in"), (SPEECH, noise * np.nan, 0.0, 0, "finite samples"),
        (SPEECH, noise, float("nan"), 0, "nan dB"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            mixed(speech, other, snr, lead_in)
    with pytest.raises(StatisticError, match="no voiced window"):
        mixed(0 * SPEECH, noise, 0)
    with pytest.raises(StatisticError, match="noise is silent"):
        mixed(SPEECH, 0 * noise, 0)
    for make in KINDS.values():
        with pytest.raises(UsageError, match="0 samples"):
            make(0, RATE, 1)
