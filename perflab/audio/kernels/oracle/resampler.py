"""The plain resampler: insert zeros, convolve in float64, keep every down-th sample, round."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.filter_design import prototype
from perflab.audio.kernels.pcm import Pcm


def resample(pcm: Pcm, rate_in: int, rate_out: int, attenuation_db: float = 100.0) -> NDArray[np.float64]:
    """Return `pcm` int16 [sessions, n] at the other rate as float64 [sessions, n * rate_out / rate_in], not rounded.

    The whole signal at once, silence before it, delay not removed: what a streaming filter must give, frame by frame.
    Source: the definition in Crochiere and Rabiner, Multirate Digital Signal Processing, 2.3.
    """
    from scipy.signal import fftconvolve

    common = math.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    stuffed = np.zeros((pcm.shape[0], pcm.shape[1] * up))
    stuffed[:, ::up] = pcm
    taps = prototype(rate_in, rate_out, attenuation_db)[None, :]
    return np.asarray(fftconvolve(stuffed, taps, axes=1)[:, : stuffed.shape[1] : down])


def to_pcm(signal: NDArray[np.float64]) -> Pcm:
    """Return a signal as int16: rounded to the nearest, ties to even, saturated."""
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)
