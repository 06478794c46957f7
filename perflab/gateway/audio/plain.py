"""The stages frame by frame in Python, numpy and SciPy: what is written first, and what the other ways must equal."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.gateway.audio.plan import AudioPlan, converts_down, converts_up
from perflab.gateway.audio.stages import SPEECH_RMS, Measured
from perflab.wire.audio_format import LIVE_DOWN_HZ, LIVE_UP_HZ, AudioFormat

INT16 = np.dtype("<i2")


class Converter(Protocol):
    """Changes the rate of one stream, frame by frame, state kept."""

    def process(self, pcm: bytes) -> bytes:
        """Return the next frame at the other rate."""

    def reset(self) -> None:
        """Forget what was heard."""


class FilterConverter:
    """SciPy's polyphase filter with the tail of the last frame before each frame (overlap-save), in float64.

    The coefficients are the batched kernel's, so the delay is the same and results differ by one unit at most, where
    float32 rounds to the other side.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        from scipy.signal import upfirdn

        from perflab.audio.kernels.filter_design import prototype

        common = math.gcd(rate_in, rate_out)
        self._upfirdn, self._taps = upfirdn, prototype(rate_in, rate_out, 100.0)
        self._up, self._down = rate_out // common, rate_in // common
        reach = -(-self._taps.size // self._up)
        self._kept = -(-reach // self._down) * self._down  # a whole number of steps, so that phases fall in place
        self._history = np.zeros(self._kept)

    def process(self, pcm: bytes) -> bytes:
        """Return the next frame at the other rate, rounded and saturated."""
        heard = np.concatenate([self._history, np.frombuffer(pcm, INT16)])
        self._history = heard[-self._kept :]
        first = self._kept * self._up // self._down
        count = len(pcm) // 2 * self._up // self._down
        out = self._upfirdn(self._taps, heard, self._up, self._down)[first : first + count]
        return bytes(np.clip(np.rint(out), -32768, 32767).astype(INT16).tobytes())

    def reset(self) -> None:
        """Forget what was heard."""
        self._history = np.zeros(self._kept)


def measure(pcm: bytes) -> tuple[float, float]:
    """Return RMS (rounded to float32, as the kernel gives it) and peak of a frame; squares are summed exactly."""
    samples: NDArray[np.int64] = np.frombuffer(pcm, INT16).astype(np.int64)
    rms = np.float32(math.sqrt(int(samples @ samples) / samples.size))
    return float(rms), float(max(int(samples.max()), -int(samples.min())))


class PlainStages:
    """One session's stages."""

    def __init__(self, plan: AudioPlan, form: AudioFormat) -> None:
        self._listens = plan.listens
        self._rise = self._converter(form.rate_up, LIVE_UP_HZ) if converts_up(form) else None
        self._fall = self._converter(LIVE_DOWN_HZ, form.rate_down) if converts_down(form) else None

    def up(self, payload: bytes) -> Measured:
        """Take a client's frame to Live's rate and measure it."""
        pcm = self._rise.process(payload) if self._rise else payload
        if not self._listens:
            return Measured(pcm)
        rms, peak = self._measure(pcm)
        return Measured(pcm, rms, peak, rms > SPEECH_RMS)

    def down(self, pcm: bytes) -> bytes:
        """Take Live's audio to the client's form."""
        return self._fall.process(pcm) if self._fall else pcm

    def hush(self) -> None:
        """Forget the tail of the reply."""
        if self._fall:
            self._fall.reset()

    def _converter(self, rate_in: int, rate_out: int) -> Converter:
        return FilterConverter(rate_in, rate_out)

    def _measure(self, pcm: bytes) -> tuple[float, float]:
        return measure(pcm)
