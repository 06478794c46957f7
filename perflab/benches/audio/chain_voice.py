"""The detector of voice in the chain: frames of 20 ms in, a probability of speech whenever 32 ms are full."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.chunks import ChunkFifo
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import load_weights


class VoiceDetector:
    """Collects int16 [sessions, 320] until 512 samples are there; all sessions in step, so five ticks of eight work."""

    def __init__(self, sessions: int) -> None:
        self._silero, self._fifo = SileroBatch(load_weights(), sessions), ChunkFifo(sessions)
        self.probability = np.zeros(sessions, np.float32)

    def hear(self, pcm: Pcm) -> None:
        """Take one frame of every session; `probability` float32 [sessions] holds the latest answer."""
        ready = self._fifo.push(pcm)
        if ready.any():
            self._silero.process(self._fifo.chunks, self.probability, ready)
