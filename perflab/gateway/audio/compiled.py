"""The stages frame by frame through compiled kernels: one call for each session and frame."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.level import level
from perflab.gateway.audio.one_stream import CompiledConverter
from perflab.gateway.audio.opus_streams import OpusHeard, OpusSaid
from perflab.gateway.audio.plain import Converter, Judge, PlainStages
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.stages import UP_SAMPLES
from perflab.wire.audio_format import AudioFormat


class CompiledDenoiser:
    """The batched denoiser for one session: it fills one lane of a register and computes all of them."""

    def __init__(self) -> None:
        from perflab.audio.kernels.denoiser import Denoiser

        self._kernel, self._out = Denoiser(1), np.zeros((1, UP_SAMPLES), np.int16)

    def process(self, pcm: bytes) -> bytes:
        """Return the next frame with less noise, 10 ms late."""
        return bytes(self._kernel.process(np.frombuffer(pcm, np.int16).reshape(1, -1), self._out).tobytes())

    def reset(self) -> None:
        """A client's audio has one beginning only."""


class CompiledStages(PlainStages):
    """One session's stages; what differs from the plain ones is who computes."""

    def __init__(self, plan: AudioPlan, form: AudioFormat) -> None:
        super().__init__(plan, form)
        self._found = np.zeros((1, 2), np.float32)

    def _resampler(self, rate_in: int, rate_out: int) -> Converter:
        return CompiledConverter(rate_in, rate_out)

    def _denoiser(self) -> Converter:
        return CompiledDenoiser()

    def _judge_named(self, activity: str) -> Judge | None:
        if activity == "silero":
            from perflab.gateway.audio.silero import CompiledSilero

            return CompiledSilero()
        if activity == "noise_floor":
            from perflab.gateway.audio.noise_floor import CompiledFloor

            return CompiledFloor()
        return None

    def _opus_heard(self) -> OpusHeard:
        from perflab.audio.codecs.opus import CODEC

        return OpusHeard(CODEC)

    def _opus_said(self) -> OpusSaid:
        from perflab.audio.codecs.opus import CODEC

        return OpusSaid(CODEC)

    def _measure(self, pcm: bytes) -> tuple[float, float]:
        found = level(np.frombuffer(pcm, np.int16).reshape(1, -1), self._found)
        return float(found[0, 0]), float(found[0, 1])
