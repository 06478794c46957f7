"""The plain echo canceller: one session, numpy in float64, block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.echo_setting import BLOCK, POINTS, SHARE, TAPS, EchoSetting


def cancel(
    mic: NDArray[np.int16], far: NDArray[np.int16], partitions: int, setting: EchoSetting
) -> NDArray[np.float64]:
    """Return `mic` [n] less the echo of `far` [n], n a multiple of 160: float64 [n], not rounded.

    Source: Kuech, Mabande and Enzner, State-space architecture of the partitioned-block-based acoustic echo controller,
    ICASSP 2014, with the diagonal approximation of its covariances.
    """
    bins, step = POINTS // 2 + 1, TAPS // BLOCK
    weights, variances = np.zeros((partitions, bins), complex), np.full((partitions, bins), setting.first_variance)
    spectra = np.zeros((step * (partitions - 1) + 1, bins), complex)
    near, played, left, heard = np.zeros(bins), np.zeros(POINTS), 0.0, 0.0
    kept, made = setting.persistence**2, []
    for number, (mine, theirs) in enumerate(
        zip(*(x.astype(float).reshape(-1, BLOCK) for x in (mic, far)), strict=True)
    ):
        played = np.concatenate((played[BLOCK:], theirs))
        spectra = np.concatenate((np.fft.rfft(played)[None], spectra[:-1]))
        used = spectra[::step]
        rest = mine - np.fft.irfft((weights * used).sum(axis=0))[-BLOCK:]
        made.append(rest)
        error = np.fft.rfft(np.concatenate((np.zeros(POINTS - BLOCK), rest)))
        near = setting.near_memory * near + (1 - setting.near_memory) * np.abs(error) ** 2
        strength = np.abs(used) ** 2
        gain = variances / ((variances * strength).sum(axis=0) + near / SHARE + setting.floor * BLOCK)
        lasting = kept * (1 - setting.trust * SHARE * gain * strength) * variances
        variances = lasting + (1 - kept) * np.abs(weights) ** 2
        weights = weights + gain * np.conj(used) * error
        for k in range(setting.shortened):
            which = (number * setting.shortened + k) % partitions
            response = np.fft.irfft(weights[which])
            weights[which] = np.fft.rfft(np.where(np.arange(POINTS) < TAPS, response, 0.0))
        left = setting.energy_memory * left + (1 - setting.energy_memory) * (rest @ rest)
        heard = setting.energy_memory * heard + (1 - setting.energy_memory) * (mine @ mine)
        if left > setting.worse * heard + 1:
            variances, left = np.maximum(variances, setting.first_variance), 0.0
    return np.concatenate(made)
