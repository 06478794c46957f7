"""Noise suppression of many sessions at once: noise tracked by the chance of speech, a Wiener gain per frequency."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.denoiser_setting import HOP, POINTS, RATE_HZ, WINDOW, DenoiserSetting, sine_window
from perflab.audio.kernels.lanes import GROUP, LANES, aligned_zeros
from perflab.audio.kernels.pcm import INT16, Mask, Pcm, check_active, check_array, check_sessions
from perflab.audio.kernels.real_tables import forget, real_tables, register_rows
from perflab.errors import UsageError

MOST_FRAME = 1_600


class Denoiser:
    """Attenuates steady noise in int16 [sessions, frame] at 16 kHz, one frame after another, state kept.

    Every 10 ms the spectrum of the last 20 ms (sine window, 512 points) gives the power of each frequency. The chance
    that it holds speech (MMSE-SPP) decides how much of it enters the noise estimate; the a-priori ratio by the
    decision-directed rule gives a Wiener gain with a floor. Delay 10 ms. Weakness: what is not steadier than speech
    (babble, music, a second talker) is taken for speech or, worse, eats into it: under babble a recogniser got
    0.41 of 88 words wrong instead of 0.28 (5 dB) and 0.23 of 128 instead of 0.13 (10 dB): keep it switchable. The
    first 80 ms are taken as noise; noise that rises by 10 dB at once is 10 dB weaker again only after 1.2 s (by 15 dB:
    2.8 s). Sources: Gerkmann and Hendriks, IEEE TASLP 20(4), 2012; Ephraim and Malah, IEEE TASSP 32(6), 1984.
    Raises UsageError for zero sessions, a frame that is not 10 to 100 ms in steps of 10 ms, a setting out of range.
    """

    rate, delay_ms = RATE_HZ, 1e3 * (WINDOW - HOP) / RATE_HZ

    def __init__(self, sessions: int, *, frame_ms: float = 20.0, setting: DenoiserSetting | None = None) -> None:
        from perflab.audio.kernels.compiled.denoiser import suppress_groups

        self.sessions, self.setting = check_sessions(sessions), setting or DenoiserSetting()
        self.frame = round(frame_ms * RATE_HZ / 1e3)
        if self.frame != frame_ms * RATE_HZ / 1e3 or self.frame % HOP or not HOP <= self.frame <= MOST_FRAME:
            raise UsageError(f"Frames of {frame_ms:g} ms", "10 to 100 ms in steps of 10 ms")
        registers, tables = -(-sessions // LANES), real_tables(POINTS)
        self._past, self._tail = register_rows(registers, HOP), register_rows(registers, HOP)
        self._noise, self._presence, self._speech = (register_rows(registers, tables.bins) for _ in range(3))
        self._age = register_rows(registers, 1)
        windows = np.stack((sine_window() / 2, sine_window() / POINTS)).astype(np.float32)
        self._suppress_groups = suppress_groups
        self._fixed = (aligned_zeros(self.frame * GROUP), aligned_zeros(self.frame * GROUP), tables.planes(3),
                       register_rows(2, tables.bins), tables.held, aligned_zeros(3 * LANES), windows, tables.twiddle,
                       tables.order, tables.turns, self.setting.packed())  # fmt: skip

    def process(self, pcm: Pcm, out: Pcm, active: Mask | None = None) -> Pcm:
        """Denoise one frame of every active session from `pcm` [sessions, frame] into `out`, and return `out`.

        Sessions that are not active keep their state, their row of `pcm` is not read and their row of `out` is zero.
        Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, (self.sessions, self.frame))
        check_array("out", out, INT16, (self.sessions, self.frame))
        self._suppress_groups(pcm, out, check_active(active, self.sessions), self._past, self._tail, self._noise,
                              self._presence, self._speech, self._age, *self._fixed)  # fmt: skip
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard: of all sessions, or of those in the mask [sessions]."""
        mask = check_active(sessions, self.sessions)
        for state in (self._past, self._tail, self._noise, self._presence, self._speech, self._age):
            forget(state, mask)
