"""The stages frame by frame through compiled kernels: one call for each session and frame."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.level import level
from perflab.gateway.audio.one_stream import CompiledConverter
from perflab.gateway.audio.plain import Converter, PlainStages
from perflab.gateway.audio.plan import AudioPlan
from perflab.wire.audio_format import AudioFormat


class CompiledStages(PlainStages):
    """One session's stages; what differs from the plain ones is who computes."""

    def __init__(self, plan: AudioPlan, form: AudioFormat) -> None:
        super().__init__(plan, form)
        self._found = np.zeros((1, 2), np.float32)

    def _converter(self, rate_in: int, rate_out: int) -> Converter:
        return CompiledConverter(rate_in, rate_out)

    def _measure(self, pcm: bytes) -> tuple[float, float]:
        found = level(np.frombuffer(pcm, np.int16).reshape(1, -1), self._found)
        return float(found[0, 0]), float(found[0, 1])
