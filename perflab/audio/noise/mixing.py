"""Speech with noise at a stated ratio of the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.noise.kinds import Noise
from perflab.audio.phrase import voiced_windows
from perflab.audio.utterance import WINDOW_SAMPLES
from perflab.errors import StatisticError, UsageError


def mixed(speech: NDArray[np.int16], noise: Noise, snr_db: float, lead_in: int = 0) -> NDArray[np.int16]:
    """Return int16 [lead_in + n]: `speech` [n] at 16 kHz after `lead_in` samples of noise alone, noise all through.

    `noise`: float [lead_in + n or longer], any scale. The ratio is that of the speech's mean power over its voiced
    20 ms windows to the noise's over all it covers, so that pauses do not lower it: up to 3 dB more noise than a ratio
    over the whole recording gives. What leaves the range of int16 is held at its ends, as a converter does.
    Raises UsageError for other shapes, NaN, too little noise and a negative lead-in, StatisticError where the speech
    has no voiced window or the noise is silent.
    """
    length = speech.size + lead_in
    if speech.ndim != 1 or speech.dtype != np.int16 or lead_in < 0:
        raise UsageError(f"Speech is {speech.dtype} {list(speech.shape)}, lead-in {lead_in}",
                         "int16 in one dimension, and a lead-in of 0 or more")  # fmt: skip
    if noise.ndim != 1 or noise.size < length or not np.isfinite(noise[:length]).all() or not np.isfinite(snr_db):
        raise UsageError(f"Noise of shape {list(noise.shape)} at {snr_db:g} dB", f"{length} finite samples or more")
    under, level = noise[:length].astype(np.float64), speech_rms(speech)
    loud = float(np.sqrt(np.mean(under**2)))
    if loud == 0:
        raise StatisticError("The noise is silent", "noise with power")
    total = under * (level / loud * 10 ** (-snr_db / 20))
    total[lead_in:] += speech
    return np.clip(np.rint(total), -32768, 32767).astype(np.int16)


def speech_rms(speech: NDArray[np.int16]) -> float:
    """Return the RMS over the voiced 20 ms windows at 16 kHz, in units of int16; StatisticError where there is none."""
    voiced = voiced_windows(speech)
    if not voiced.any():
        raise StatisticError("The speech has no voiced window", "speech above -47 dB of full scale")
    windows = speech[: voiced.size * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)[voiced].astype(np.float64)
    return float(np.sqrt(np.mean(windows**2)))
