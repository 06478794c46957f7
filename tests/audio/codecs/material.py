"""Sounds for the tests of codecs: cheap, seeded, and like a voice in level and pitch."""

from __future__ import annotations

import numpy as np

from perflab.audio.codecs.codec import Sound


def voice(seconds: float, rate_hz: int = 16_000, pitch_hz: float = 150.0, seed: int = 5) -> Sound:
    """Return a buzz of ten harmonics that swells and fades, with a little noise."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * pitch_hz * h * at) / h for h in range(1, 11))
    noise = np.random.default_rng(seed).normal(0, 0.02, at.size)
    made: np.ndarray = 5_000 * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * at)) * (tone + noise)
    return np.rint(np.clip(made, -32768, 32767)).astype(np.int16)


def hiss(seconds: float, rate_hz: int = 16_000, size: float = 6.0, seed: int = 6) -> Sound:
    """Return a room in which nobody speaks."""
    return np.rint(np.random.default_rng(seed).normal(0, size, int(seconds * rate_hz))).astype(np.int16)


def likeness(first: Sound, second: Sound) -> float:
    """Return the correlation of two signals."""
    return float(np.corrcoef(first.astype(float), second.astype(float))[0, 1])
