"""Goertzel's filter, sample by sample: the amplitude of one tone."""

from __future__ import annotations

import math
from collections.abc import Sequence


def amplitude(samples: Sequence[int], frequency_hz: float, rate: int) -> float:
    """Return the amplitude of a tone in the unit of the samples.

    Source: Goertzel, An algorithm for the evaluation of finite trigonometric series (1958); the non-integer form.
    """
    factor = 2 * math.cos(2 * math.pi * frequency_hz / rate)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 2 / len(samples) * math.sqrt(max(power, 0.0))
