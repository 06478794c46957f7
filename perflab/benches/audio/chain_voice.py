"""The detector of voice in the chain: frames of 20 ms in, a probability of speech whenever 32 ms are full."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.pcm import Pcm
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import CHUNK, load_weights

FULL_SCALE = 32768.0


class VoiceDetector:
    """Collects int16 [sessions, 320] until 512 samples are there; all sessions in step, so five ticks of eight work."""

    def __init__(self, sessions: int) -> None:
        self._silero = SileroBatch(load_weights(), sessions)
        self._chunk, self._waiting = np.zeros((sessions, CHUNK), np.float32), 0
        self.probability = np.zeros(sessions, np.float32)

    def hear(self, pcm: Pcm) -> None:
        """Take one frame of every session; `probability` float32 [sessions] holds the latest answer."""
        taken = min(pcm.shape[1], CHUNK - self._waiting)
        np.multiply(pcm[:, :taken], 1 / FULL_SCALE, out=self._chunk[:, self._waiting : self._waiting + taken],
                    casting="unsafe")  # fmt: skip
        self._waiting += taken
        if self._waiting == CHUNK:
            self._silero.process(self._chunk, self.probability)
            rest = pcm.shape[1] - taken
            np.multiply(pcm[:, taken:], 1 / FULL_SCALE, out=self._chunk[:, :rest], casting="unsafe")
            self._waiting = rest
