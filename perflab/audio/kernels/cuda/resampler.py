"""Streaming polyphase resampling on a GPU: one thread per output sample, the state kept on the device."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.cuda.device import require_cuda
from perflab.audio.kernels.filter_design import prototype
from perflab.audio.kernels.pcm import INT16, Pcm, check_array, check_sessions
from perflab.audio.kernels.resampler import check_conversion, frame_lengths

THREADS = 64


class CudaResampler:
    """Turns int16 [sessions, frame_in] into int16 [sessions, frame_out], one frame after another, state kept.

    The same filter, delay and rounding as `Resampler`, whose docstring says what they are; here every output sample
    is one thread's sum over the taps of its phase. Weakness: a frame of PCM goes to the GPU and back for little
    arithmetic, so it pays for thousands of sessions, or where what follows stays on the GPU.
    Raises UsageError as `Resampler` does, and where there is no GPU.
    """

    def __init__(self, rate_in: int, rate_out: int, sessions: int, *, frame_ms: float = 20.0,
                 attenuation_db: float = 100.0) -> None:  # fmt: skip
        require_cuda()
        from perflab.audio.kernels.cuda.device_resampler import cuda, enter, filtered

        check_conversion(rate_in, rate_out, attenuation_db)
        self.rate_in, self.rate_out, self.sessions = rate_in, rate_out, check_sessions(sessions)
        self.frame_in, self.frame_out = frame_lengths(rate_in, rate_out, frame_ms)
        common = math.gcd(rate_in, rate_out)
        self._ratio = rate_out // common, rate_in // common
        phases = _phases(prototype(rate_in, rate_out, attenuation_db), self._ratio[0])
        history = phases.shape[1] - 1
        self._enter, self._filtered = enter, filtered
        self._heard = cuda.device_array((sessions, self.frame_in), np.int16)
        self._phases = cuda.to_device(phases)
        self._work = cuda.to_device(np.zeros((sessions, history + self.frame_in), np.int16))
        self._history = cuda.to_device(np.zeros((sessions, max(history, 1)), np.int16))
        self._made = cuda.device_array((sessions, self.frame_out), np.int16)

    def process(self, pcm: Pcm, out: Pcm) -> Pcm:
        """Filter one frame of every session from `pcm` [sessions, frame_in] into `out` [sessions, frame_out].

        Rounded to the nearest even and saturated. Returns `out`. Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, (self.sessions, self.frame_in))
        check_array("out", out, INT16, (self.sessions, self.frame_out))
        self._heard.copy_to_device(pcm)
        history = self._phases.shape[1] - 1
        self._enter[(self.sessions, _blocks(history + self.frame_in)), THREADS](self._heard, self._history, self._work)
        self._filtered[(self.sessions, _blocks(max(self.frame_out, history))), THREADS](
            self._work, self._phases, self._ratio[0], self._ratio[1], self._history, self._made
        )
        self._made.copy_to_host(out)
        return out


def _blocks(count: int) -> int:
    return -(-count // THREADS)


def _phases(taps: NDArray[np.float64], up: int) -> NDArray[np.float32]:
    """Return the taps of each phase, the newest sample's first: float32 [up, taps of a phase]."""
    length = -(-taps.size // up)
    padded = np.concatenate((taps, np.zeros(length * up - taps.size)))
    return np.ascontiguousarray(padded.reshape(length, up).T, dtype=np.float32)
