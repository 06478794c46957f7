"""Noises by formula: white, pink, hum, clicks. float64 [n] with an RMS of 1, to be scaled by the one who mixes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

Noise = NDArray[np.float64]
MOST_SAMPLES = 16_000 * 3_600
LOWEST_HZ = 20.0  # below, pink noise is as loud as at 20 Hz: nobody hears it, and its power has no bound
HARMONICS = 7
CLICKS_PER_S, CLICK_S = 5.0, 0.002


def white(samples: int, rate: int, seed: int) -> Noise:
    """Return Gaussian noise of equal power at every frequency."""
    return _unit(_drawn(samples, rate, seed).normal(size=samples))


def pink(samples: int, rate: int, seed: int) -> Noise:
    """Return noise whose power falls by 3 dB per octave from 20 Hz on, as rooms and streets have it."""
    spectrum = np.fft.rfft(_drawn(samples, rate, seed).normal(size=samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / rate), LOWEST_HZ))
    return _unit(np.fft.irfft(spectrum, samples))


def hum(samples: int, rate: int, seed: int) -> Noise:
    """Return the mains' 50 Hz with six harmonics falling by 1/k, each at a random phase."""
    drawn, at = _drawn(samples, rate, seed), np.arange(samples) / rate
    phases = drawn.uniform(0, 2 * np.pi, HARMONICS)
    return _unit(sum(np.sin(2 * np.pi * 50 * k * at + phase) / k for k, phase in enumerate(phases, 1)))


def clicks(samples: int, rate: int, seed: int) -> Noise:
    """Return clicks of 2 ms, five a second on average at random times, of random size: keyboards, bad contacts."""
    drawn, length = _drawn(samples, rate, seed), max(int(CLICK_S * rate), 1)
    out = np.zeros(samples + length)
    decay = np.exp(-5 * np.arange(length) / length)
    for at in drawn.integers(samples, size=max(int(CLICKS_PER_S * samples / rate), 1)):
        out[at : at + length] += drawn.normal() * decay * drawn.normal(size=length)
    return _unit(out[:samples])


KINDS: dict[str, Callable[[int, int, int], Noise]] = {"white": white, "pink": pink, "hum": hum, "clicks": clicks}


def _drawn(samples: int, rate: int, seed: int) -> np.random.Generator:
    if not 0 < samples <= MOST_SAMPLES or rate < 1:
        raise UsageError(f"{samples} samples of noise at {rate} Hz", f"1 to {MOST_SAMPLES:,} samples at a rate above 0")
    return np.random.default_rng(seed)


def _unit(noise: Noise) -> Noise:
    power = float(np.sqrt(np.mean(noise**2)))
    return noise / power if power else noise
