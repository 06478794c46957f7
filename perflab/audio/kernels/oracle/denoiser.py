"""The plain denoiser: one session, numpy in float64, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.denoiser_setting import HOP, POINTS, WINDOW, DenoiserSetting, sine_window


class HopByHop:
    """The stream of one session: hops of 160 samples in, the hop before denoised out.

    Sources: Gerkmann and Hendriks, Unbiased MMSE-based noise power estimation with low complexity and low tracking
    delay, IEEE TASLP 20(4), 2012, eqs. 18, 22 and 23; Ephraim and Malah, IEEE TASSP 32(6), 1984, eq. 51.
    """

    def __init__(self, setting: DenoiserSetting) -> None:
        self._setting, self._hop = setting, 0
        self._window, self._heard, self._tail = sine_window(), np.zeros(WINDOW), np.zeros(HOP)
        self._noise, self._presence, self._speech = np.zeros((3, POINTS // 2 + 1))

    def process(self, new: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take `new` [160] and return the 160 samples before it: float64, not rounded."""
        setting = self._setting
        self._heard = np.concatenate((self._heard[HOP:], new))
        spectrum = np.fft.rfft(self._window * self._heard, POINTS)
        power = np.abs(spectrum) ** 2 + setting.quiet_power
        self._track(power)
        excess = np.maximum(power / self._noise - 1, 0)
        ratio = setting.decision_memory * self._speech / self._noise + (1 - setting.decision_memory) * excess
        ratio = np.maximum(ratio, setting.smallest_ratio)
        gain = ratio / (1 + ratio)
        self._speech = gain**2 * power
        back = self._window * np.fft.irfft(np.maximum(gain, setting.floor) * spectrum)[:WINDOW]
        made, self._tail = self._tail + back[:HOP], back[HOP:]
        return made

    def _track(self, power: NDArray[np.float64]) -> None:
        """Let as much of this hop into the noise estimate as is not likely to be speech."""
        setting, noise = self._setting, self._noise
        expected = 10 ** (setting.expected_db / 10)
        if self._hop < setting.first_hops:
            self._noise = noise + (power - noise) / (self._hop + 1)
        else:
            likely = 1 / (1 + (1 + expected) * np.exp(-expected / (1 + expected) * power / noise))
            memory = setting.presence_memory
            self._presence = memory * self._presence + (1 - memory) * likely
            likely = np.where(self._presence > setting.stuck_above, np.minimum(likely, setting.stuck_above), likely)
            self._noise = noise + setting.noise_rate * (1 - likely) * (power - noise)
        self._hop += 1


def denoise(samples: NDArray[np.int16], setting: DenoiserSetting) -> NDArray[np.float64]:
    """Return `samples` [n], n a multiple of 160, denoised: float64 [n], not rounded, 160 samples late."""
    stream = HopByHop(setting)
    return np.concatenate([stream.process(hop) for hop in samples.astype(np.float64).reshape(-1, HOP)])
