"""The low-pass filter behind the resampler: equiripple, because it meets a mask with the fewest taps."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PASS_SHARE, STOP_SHARE = 0.9125, 1.00125  # of the lower Nyquist frequency: 7.3 and 8.01 kHz for 16 kHz
RIPPLE_DB, SPARE_DB = 0.05, 1.0  # asked of the design, so that float32 coefficients still keep 0.1 dB and the stopband
DIRECT_UP_TO = 8  # beyond this factor the design is made at a lower rate and interpolated


@lru_cache(maxsize=32)
def prototype(rate_in: int, rate_out: int, attenuation_db: float) -> NDArray[np.float64]:
    """Return a symmetric low-pass at rate lcm(rate_in, rate_out), with the gain of the interpolation in it.

    Flat within 0.05 dB to 0.9125 and `attenuation_db` down from 1.00125 of the lower Nyquist frequency. Parks-McClellan
    instead of a Kaiser window: a window makes the ripple of the passband as small as that of the stopband, which
    nobody asked for, and pays with 1.6 times the taps. Weakness: it diverges for thousands of taps; for rates with a
    large common multiple the filter is designed at a few times the input rate and interpolated, whose images a short
    second filter removes. Source: Oppenheim and Schafer, Discrete-Time Signal Processing, 7.7; length by Kaiser's
    estimate (ibid., eq. 7.104).
    """
    up = rate_out // math.gcd(rate_in, rate_out)
    coarse = up if up <= DIRECT_UP_TO else next(k for k in (4, 3, 5, 7, 2) if up % k == 0)
    taps = _equiripple(coarse * rate_in, min(rate_in, rate_out) / 2, attenuation_db + SPARE_DB)
    if coarse != up:
        taps = _interpolated(taps, up // coarse, min(rate_in, rate_out) / (coarse * rate_in), attenuation_db)
    return taps * up


def _equiripple(rate: int, nyquist: float, attenuation_db: float) -> NDArray[np.float64]:
    from scipy.signal import remez

    passed, stopped = 10 ** (RIPPLE_DB / 20) - 1, 10 ** (-attenuation_db / 20)
    width = (STOP_SHARE - PASS_SHARE) * nyquist / rate
    order = (-10 * math.log10(passed * stopped) - 13) / (14.6 * width)
    count = 2 * math.ceil(order * 1.015 / 2) + 1  # odd: the delay is a whole number of samples of this rate
    edges = [0.0, PASS_SHARE * nyquist, STOP_SHARE * nyquist, rate / 2]
    return np.asarray(remez(count, edges, [1, 0], weight=[1, passed / stopped], fs=rate, maxiter=100))


def _interpolated(taps: NDArray[np.float64], factor: int, band: float, attenuation_db: float) -> NDArray[np.float64]:
    """Return `taps` at `factor` times their rate; `band`: the share of the coarse rate in which they let pass."""
    from scipy.signal import firwin, kaiserord

    width = 2 * (1 - band) / factor  # from the end of the band to its first image, in units of the Nyquist frequency
    count, beta = kaiserord(attenuation_db + 20, width)
    smoother = firwin(count | 1, 1 / factor, window=("kaiser", beta)) * factor
    spread = np.zeros((taps.size - 1) * factor + 1)
    spread[::factor] = taps
    return np.asarray(np.convolve(spread, smoother) / factor)
