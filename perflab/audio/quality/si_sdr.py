"""Scale-invariant signal-to-distortion ratio: how much of a signal is not the reference, whatever its gain."""

from __future__ import annotations

import numpy as np

from perflab.audio.quality.signals import Signal, checked_pair

MOST_DB = 200.0  # what is kept of an exact copy, whose distortion is rounding alone


def si_sdr(reference: Signal, degraded: Signal) -> float:
    """Return SI-SDR in dB of `degraded` [n] against `reference` [n], both without their mean; -inf for silence.

    For suppression of noise and echo and for codecs that keep the waveform. Weakness: it knows nothing of hearing and
    nothing of phase: Opus at a good 4.2 of PESQ has 7 dB, so never judge it by this. Align the signals first. Source:
    Le Roux, Wisdom, Erdogan and Hershey, SDR, half-baked or well done? (2019), equation 3.
    Raises UsageError for unequal shapes and NaN, StatisticError for a silent reference.
    """
    first, second = checked_pair(reference, degraded)
    wanted, heard = first - first.mean(), second - second.mean()
    power = float(wanted @ wanted)
    target = (float(heard @ wanted) / power if power else 0.0) * wanted
    kept, spoilt = float(target @ target), float(((heard - target) ** 2).sum())
    if kept == 0:
        return -float("inf")
    return float(min(MOST_DB, 10 * np.log10(kept / spoilt))) if spoilt else MOST_DB
