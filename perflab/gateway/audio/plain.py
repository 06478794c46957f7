"""The stages frame by frame in Python, numpy and SciPy: what is written first, and what the other ways must equal."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from perflab.gateway.audio.frame_level import INT16, measure
from perflab.gateway.audio.opus_streams import OpusHeard, OpusSaid
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.stages import SPEECH_RMS, Measured
from perflab.wire.audio_format import LIVE_DOWN_HZ, LIVE_UP_HZ, AudioFormat

HOP = 160  # samples at 16 kHz, 10 ms


class Judge(Protocol):
    """Says of one stream's frames whether they are voiced."""

    def voiced(self, pcm: bytes) -> bool:
        """Take the next frame at Live's rate."""


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


class PlainDenoiser:
    """The denoiser's oracle, hop by hop in float64."""

    def __init__(self) -> None:
        from perflab.audio.kernels.denoiser_setting import DenoiserSetting
        from perflab.audio.kernels.oracle.denoiser import HopByHop

        self._oracle = HopByHop(DenoiserSetting())

    def process(self, pcm: bytes) -> bytes:
        """Return the next frame with less noise, 10 ms late."""
        hops = np.frombuffer(pcm, INT16).astype(np.float64).reshape(-1, HOP)
        out = np.concatenate([self._oracle.process(hop) for hop in hops])
        return bytes(np.clip(np.rint(out), -32768, 32767).astype(INT16).tobytes())

    def reset(self) -> None:
        """A client's audio has one beginning only."""


class PlainStages:
    """One session's stages."""

    def __init__(self, plan: AudioPlan, form: AudioFormat) -> None:
        self._listens = plan.listens
        self._judge = self._judge_named(plan.activity)  # None: by a fixed level
        self._rise: list[Converter] = []
        self._fall: list[Converter] = []
        self._opus = self._opus_heard() if form.codec == "opus" else None
        if self._opus is not None:
            self._rise.append(self._opus)
        elif form.rate_up != LIVE_UP_HZ:
            self._rise.append(self._resampler(form.rate_up, LIVE_UP_HZ))
        if plan.denoise:
            self._rise.append(self._denoiser())
        if form.rate_down != LIVE_DOWN_HZ:
            self._fall.append(self._resampler(LIVE_DOWN_HZ, form.rate_down))
        if form.codec == "opus":
            self._fall.append(self._opus_said())

    def up(self, payload: bytes) -> Measured:
        """Take a client's frame to Live's rate and measure it."""
        pcm = payload
        for stage in self._rise:
            pcm = stage.process(pcm)
        if not self._listens:
            return Measured(pcm)
        rms, peak = self._measure(pcm)
        return Measured(pcm, rms, peak, self._judge.voiced(pcm) if self._judge else rms > SPEECH_RMS)

    def down(self, pcm: bytes) -> bytes:
        """Take Live's audio to the client's form."""
        for stage in self._fall:
            pcm = stage.process(pcm)
        return pcm

    def hush(self) -> None:
        """Forget the tail of the reply."""
        for stage in self._fall:
            stage.reset()

    @property
    def refused(self) -> int:
        """Packets that could not be decoded."""
        return self._opus.refused if self._opus else 0

    def _resampler(self, rate_in: int, rate_out: int) -> Converter:
        return FilterConverter(rate_in, rate_out)

    def _denoiser(self) -> Converter:
        return PlainDenoiser()

    def _judge_named(self, activity: str) -> Judge | None:
        if activity == "silero":
            from perflab.gateway.audio.silero import PlainSilero

            return PlainSilero()
        if activity == "noise_floor":
            from perflab.gateway.audio.noise_floor import PlainFloor

            return PlainFloor()
        return None

    def _opus_heard(self) -> OpusHeard:
        from perflab.audio.codecs.opus_pyav import CODEC

        return OpusHeard(CODEC)

    def _opus_said(self) -> OpusSaid:
        from perflab.audio.codecs.opus_pyav import CODEC

        return OpusSaid(CODEC)

    def _measure(self, pcm: bytes) -> tuple[float, float]:
        return measure(pcm)
