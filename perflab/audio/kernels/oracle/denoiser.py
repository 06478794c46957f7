"""The plain denoiser: one session, numpy in float64, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.denoiser_setting import HOP, POINTS, WINDOW, DenoiserSetting, sine_window


def denoise(samples: NDArray[np.int16], setting: DenoiserSetting) -> NDArray[np.float64]:
    """Return `samples` [n], n a multiple of 160, denoised: float64 [n], not rounded, 160 samples late.

    Sources: Gerkmann and Hendriks, Unbiased MMSE-based noise power estimation with low complexity and low tracking
    delay, IEEE TASLP 20(4), 2012, eqs. 18, 22 and 23; Ephraim and Malah, IEEE TASSP 32(6), 1984, eq. 51.
    """
    window, heard, tail = sine_window(), np.zeros(WINDOW), np.zeros(HOP)
    noise, presence, speech = np.zeros((3, POINTS // 2 + 1))
    expected = 10 ** (setting.expected_db / 10)
    made = []
    for hop, new in enumerate(samples.astype(np.float64).reshape(-1, HOP)):
        heard = np.concatenate((heard[HOP:], new))
        spectrum = np.fft.rfft(window * heard, POINTS)
        power = np.abs(spectrum) ** 2 + setting.quiet_power
        if hop < setting.first_hops:
            noise = noise + (power - noise) / (hop + 1)
        else:
            likely = 1 / (1 + (1 + expected) * np.exp(-expected / (1 + expected) * power / noise))
            presence = setting.presence_memory * presence + (1 - setting.presence_memory) * likely
            likely = np.where(presence > setting.stuck_above, np.minimum(likely, setting.stuck_above), likely)
            noise = noise + setting.noise_rate * (1 - likely) * (power - noise)
        excess = np.maximum(power / noise - 1, 0)
        ratio = setting.decision_memory * speech / noise + (1 - setting.decision_memory) * excess
        ratio = np.maximum(ratio, setting.smallest_ratio)
        gain = ratio / (1 + ratio)
        speech = gain**2 * power
        back = window * np.fft.irfft(np.maximum(gain, setting.floor) * spectrum)[:WINDOW]
        made.append(tail + back[:HOP])
        tail = back[HOP:]
    return np.concatenate(made)
