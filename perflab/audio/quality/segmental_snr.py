"""Signal-to-noise ratio frame by frame, so that loud frames do not hide what happens in the quiet ones."""

from __future__ import annotations

import numpy as np

from perflab.audio.quality.signals import Signal, checked_pair
from perflab.errors import StatisticError, UsageError

LOW_DB, HIGH_DB = -10.0, 35.0
QUIET_DB = 40.0  # frames that far below the loudest are pauses, and left out


def segmental_snr(reference: Signal, degraded: Signal, rate: int = 16_000, frame_ms: float = 20.0) -> float:
    """Return the mean over the reference's spoken frames of their SNR in dB, each held within -10..35 dB.

    Weakness: it counts every change of the waveform as noise, of gain too: align first, and use it for codecs that
    keep the waveform and for suppression, not for Opus. Source: Hansen and Pellom, An effective quality evaluation
    protocol for speech enhancement algorithms (1998), here without overlap and without frames 40 dB below the loudest.
    Raises UsageError for unequal shapes, NaN and a frame without samples, StatisticError when no frame is whole.
    """
    first, second = checked_pair(reference, degraded)
    length = int(rate * frame_ms / 1000)
    if length < 1:
        raise UsageError(f"Frames of {frame_ms:g} ms at {rate} Hz", "at least one sample")
    count = first.size // length
    if count == 0:
        raise StatisticError(f"{first.size} samples hold no frame of {length}", "a longer signal")
    frames = first[: count * length].reshape(count, length)
    noise = ((frames - second[: count * length].reshape(count, length)) ** 2).sum(axis=1)
    power = (frames**2).sum(axis=1)
    spoken = power > max(float(power.max()) * 10 ** (-QUIET_DB / 10), 0.0)
    if not spoken.any():
        raise StatisticError("The reference has no whole frame with speech", "a longer signal")
    ratio = 10 * np.log10(power[spoken] / np.maximum(noise[spoken], 1e-30))
    return float(np.clip(ratio, LOW_DB, HIGH_DB).mean())
