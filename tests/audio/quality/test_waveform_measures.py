"""Alignment, SI-SDR, segmental SNR and loudness on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.quality.alignment import aligned, delay_samples
from perflab.audio.quality.loudness import loudness
from perflab.audio.quality.segmental_snr import segmental_snr
from perflab.audio.quality.si_sdr import MOST_DB, si_sdr
from perflab.errors import StatisticError, UsageError

RNG = np.random.default_rng(5)
NOISE = RNG.normal(0, 3_000, 8_000)


@settings(deadline=None, max_examples=40)
@given(st.integers(-900, 900), st.floats(0.05, 3))
def test_a_planted_delay_is_found_whatever_the_gain(delay: int, gain: float) -> None:
    late = gain * np.concatenate((np.zeros(max(delay, 0)), NOISE[max(-delay, 0) :]))
    assert delay_samples(NOISE, late, 1_000) == delay
    first, second = aligned(NOISE, late, 1_000)
    assert first.size == second.size >= 7_100
    assert np.allclose(gain * first, second)


def test_a_delay_beyond_what_is_looked_for_is_not_reported() -> None:
    late = np.concatenate((np.zeros(900), NOISE))
    assert abs(delay_samples(NOISE, late, 100)) <= 100
    assert delay_samples(NOISE[:3], NOISE[:3], 4_000) == 0


@pytest.mark.parametrize("wanted", [-5.0, 0.0, 12.5, 60.0])
def test_si_sdr_is_that_of_orthogonal_noise_at_any_gain(wanted: float) -> None:
    speech = NOISE - NOISE.mean()
    other = RNG.normal(size=speech.size)
    other -= other.mean()
    other -= (other @ speech) / (speech @ speech) * speech
    other *= np.sqrt((speech @ speech) / (other @ other)) * 10 ** (-wanted / 20)
    for gain in (1.0, 0.01, -7.0):
        assert si_sdr(speech, gain * (speech + other)) == pytest.approx(wanted, abs=1e-9)
    assert si_sdr(speech, speech) == MOST_DB
    assert si_sdr(speech, other) < -200 and si_sdr(speech, np.zeros_like(speech)) == -np.inf


def test_si_sdr_of_a_constant_is_no_division_by_zero() -> None:
    assert si_sdr(np.ones(100), NOISE[:100]) == -np.inf


def test_segmental_snr_weighs_quiet_frames_like_loud_ones() -> None:
    loud, quiet = NOISE[:3_200], 0.05 * NOISE[3_200:6_400]
    speech = np.concatenate((loud, quiet, np.zeros(3_200)))
    spoilt = np.concatenate((loud, quiet * (1 + 10 ** (-20 / 20)), np.full(3_200, 500.0)))
    assert segmental_snr(speech, spoilt) == pytest.approx((35 + 20) / 2)
    assert segmental_snr(speech, speech) == 35
    assert segmental_snr(speech, 100 * speech) == -10


def test_loudness_of_the_standards_sine() -> None:
    at = np.arange(3 * 48_000) / 48_000
    sine = 32_768 * np.sin(2 * np.pi * 997 * at)
    assert loudness(sine, 48_000) == pytest.approx(-3.01, abs=0.05)
    assert loudness(0.1 * sine, 48_000) == pytest.approx(-23.01, abs=0.05)
    gated = np.concatenate((0.1 * sine, np.zeros(5 * 48_000)))
    assert loudness(gated, 48_000) == pytest.approx(loudness(0.1 * sine, 48_000), abs=0.5)
    assert loudness(np.zeros(16_000)) == -np.inf


def test_what_cannot_be_measured_is_refused() -> None:
    for measure in (si_sdr, segmental_snr):
        with pytest.raises(UsageError, match="equal lengths"):
            measure(NOISE, NOISE[1:])
        with pytest.raises(UsageError, match="NaN"):
            measure(NOISE, np.where(NOISE > 0, np.nan, NOISE))
        with pytest.raises(StatisticError, match="silent"):
            measure(0 * NOISE, NOISE)
        with pytest.raises(UsageError, match="one dimension"):
            measure(NOISE.reshape(2, -1), NOISE.reshape(2, -1))
    with pytest.raises(StatisticError, match="no frame"):
        segmental_snr(NOISE[:100], NOISE[:100])
    with pytest.raises(UsageError, match="at least one sample"):
        segmental_snr(NOISE, NOISE, frame_ms=0)
    with pytest.raises(StatisticError, match="no loudness"):
        loudness(NOISE[:6_399])
    with pytest.raises(StatisticError, match="silence has no delay"):
        delay_samples(NOISE, 0 * NOISE)
    with pytest.raises(UsageError, match="-1 samples"):
        delay_samples(NOISE, NOISE, -1)
