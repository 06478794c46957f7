"""How much later one signal comes than another, so that a codec's delay is not taken for damage."""

from __future__ import annotations

import numpy as np

from perflab.audio.quality.signals import Signal, checked
from perflab.errors import StatisticError, UsageError

MOST_DELAY = 4_000  # samples: 250 ms at 16 kHz, above the delay of any codec here (AAC has 1,024)


def delay_samples(reference: Signal, degraded: Signal, most: int = MOST_DELAY) -> int:
    """Return by how many samples `degraded` [m] comes after `reference` [n]: within -most..most, negative if earlier.

    The peak of the cross-correlation, normalised by nothing: exact for a pure delay with any gain above zero. PESQ
    aligns again by itself, SI-SDR does not: one sample of 16 kHz costs it tens of dB. Weakness: a codec that turns
    the phase has no single delay (Opus is within a sample of its stated one), a clock that drifts has none at all,
    and a pure tone has many. Raises UsageError for other shapes, NaN and `most` below 0, StatisticError for silence.
    """
    first, second = checked("reference", reference), checked("degraded", degraded)
    if most < 0:
        raise UsageError(f"A delay of at most {most} samples", "0 or more")
    if not first.any() or not second.any():
        raise StatisticError("One of the signals is silent", "speech in both: silence has no delay")
    size = 1 << int(first.size + second.size - 1).bit_length()
    spectrum = np.fft.rfft(second, size) * np.fft.rfft(first, size).conj()
    likeness = np.fft.irfft(spectrum, size)
    lags = np.arange(-min(most, first.size - 1), min(most, second.size - 1) + 1)
    return int(lags[likeness[lags].argmax()])


def aligned(reference: Signal, degraded: Signal, most: int = MOST_DELAY) -> tuple[Signal, Signal]:
    """Return both without the delay between them, cut to what they have in common: views of equal length.

    Raises as `delay_samples` does.
    """
    delay = delay_samples(reference, degraded, most)
    first, second = reference[max(-delay, 0) :], degraded[max(delay, 0) :]
    common = min(first.size, second.size)
    return first[:common], second[:common]
