"""Streaming polyphase resampling of many sessions at once, with an exact frame length and a constant delay."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.audio.kernels.filter_design import prototype
from perflab.audio.kernels.lanes import GROUP, aligned_zeros
from perflab.audio.kernels.pcm import INT16, Pcm, check_active, check_array, check_sessions
from perflab.audio.kernels.schedule import Schedule, polyphase_schedule
from perflab.errors import UsageError

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)
LEAST_DB, MOST_DB = 60.0, 120.0


def check_conversion(rate_in: int, rate_out: int, attenuation_db: float) -> None:
    """Raise UsageError for a rate that is not among RATES, and an attenuation outside 60 to 120 dB."""
    for rate in (rate_in, rate_out):
        if rate not in RATES:
            raise UsageError(f"A rate of {rate} Hz", f"rates are {', '.join(map(str, RATES))} Hz")
    if not LEAST_DB <= attenuation_db <= MOST_DB:
        raise UsageError(f"{attenuation_db:g} dB of attenuation", f"{LEAST_DB:g} to {MOST_DB:g} dB")


class Resampler:
    """Turns int16 [sessions, frame_in] into int16 [sessions, frame_out], one frame after another, state kept.

    `delay_ms` is the constant delay of the filter (half its length): a frame gives exactly `frame_out` samples, from
    the first frame on. `frame_ms`: length of a frame, with whole numbers of samples at both rates.
    `attenuation_db`: 60 to 120, how far images and aliases lie below the signal. Inside it is float32, lanes are
    sessions. Weakness: one session costs as much as one group (16 sessions with AVX2). Source of the structure:
    Crochiere and Rabiner, Multirate Digital Signal Processing, 3.3.
    Raises UsageError for a rate that is not among RATES, a frame that does not divide, and zero sessions.
    """

    def __init__(self, rate_in: int, rate_out: int, sessions: int, *, frame_ms: float = 20.0,
                 attenuation_db: float = 100.0) -> None:  # fmt: skip
        from perflab.audio.kernels.compiled.resampler import filter_groups

        check_conversion(rate_in, rate_out, attenuation_db)
        self.rate_in, self.rate_out, self.sessions = rate_in, rate_out, check_sessions(sessions)
        self.frame_in, self.frame_out = frame_lengths(rate_in, rate_out, frame_ms)
        common = math.gcd(rate_in, rate_out)
        self.taps = prototype(rate_in, rate_out, attenuation_db)
        self.schedule: Schedule = polyphase_schedule(self.taps, rate_out // common, rate_in // common, self.frame_out)
        history, groups = self.schedule.history, -(-sessions // GROUP)
        self._filter_groups = filter_groups
        self._history = aligned_zeros(groups * history * GROUP).reshape(groups, -1)
        self._work = aligned_zeros((history + self.frame_in + self.schedule.window) * GROUP)
        self._filtered = aligned_zeros(self.schedule.blocks.size * self.schedule.outputs * GROUP)

    @property
    def delay_ms(self) -> float:
        """The delay of every frequency in milliseconds: constant, because the filter is symmetric."""
        return 1e3 * (self.taps.size - 1) / 2 / math.lcm(self.rate_in, self.rate_out)

    def process(self, pcm: Pcm, out: Pcm, active: NDArray[np.bool_] | None = None) -> Pcm:
        """Filter one frame of every active session from `pcm` [sessions, frame_in] into `out` [sessions, frame_out].

        Sessions that are not active keep their state, their row of `pcm` is not read and their row of `out` is zero.
        Rounded to the nearest even and saturated. Returns `out`. Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, (self.sessions, self.frame_in))
        check_array("out", out, INT16, (self.sessions, self.frame_out))
        plan = self.schedule
        self._filter_groups(pcm, out, check_active(active, self.sessions), self._history, self._work,
                      self._filtered, plan.coefficients, plan.blocks, plan.starts, plan.window)  # fmt: skip
        return out

    def reset(self, sessions: NDArray[np.bool_] | None = None) -> None:
        """Forget what was heard: of all sessions, or of those in the mask [sessions]."""
        mask = np.zeros(self._history.shape[0] * GROUP, dtype=np.bool_)
        mask[: self.sessions] = check_active(sessions, self.sessions)
        lanes: NDArray[Any] = self._history.reshape(self._history.shape[0], -1, GROUP)
        lanes.transpose(0, 2, 1)[mask.reshape(-1, GROUP)] = 0.0

    def response_db(self, frequencies_hz: ArrayLike) -> NDArray[np.float64]:
        """Return the gain in dB at frequencies in Hz, of the float32 coefficients that are used."""
        from scipy.signal import freqz

        up = self.rate_out // math.gcd(self.rate_in, self.rate_out)
        used = self.taps.astype(np.float32).astype(np.float64) / up
        _, gain = freqz(used, worN=np.asarray(frequencies_hz, dtype=float), fs=math.lcm(self.rate_in, self.rate_out))
        return np.asarray(20 * np.log10(np.maximum(np.abs(gain), 1e-15)))


def frame_lengths(rate_in: int, rate_out: int, frame_ms: float) -> tuple[int, int]:
    """Return the samples of a frame at both rates; raises UsageError when they are no whole numbers."""
    lengths = [rate * frame_ms / 1e3 for rate in (rate_in, rate_out)]
    if not all(0 < n <= 1 << 16 and abs(n - round(n)) < 1e-9 for n in lengths):
        raise UsageError(f"Frames of {frame_ms:g} ms at {rate_in} and {rate_out} Hz", "whole numbers of samples",
                         "Take 10 or 20 ms")  # fmt: skip
    return round(lengths[0]), round(lengths[1])
