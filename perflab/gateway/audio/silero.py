"""Speech by the Silero network: it takes 32 ms at a time, frames come every 20 ms, the rest waits in a row per session.

A frame is voiced when the newest decision says so: that may be up to 32 ms old, which the gate's pre-roll covers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.chunks import ChunkFifo
from perflab.audio.kernels.oracle.silero import Silero
from perflab.audio.kernels.pcm import Mask, Pcm
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import CHUNK, load_weights
from perflab.gateway.audio.stages import UP_SAMPLES

SPEECH_PROBABILITY = 0.5  # the network's own threshold


class SileroJudges:
    """The judges of `sessions` sessions: those whose 32 ms are full in this frame go through the network together."""

    def __init__(self, sessions: int) -> None:
        self._network, self._fifo = SileroBatch(load_weights(), sessions), ChunkFifo(sessions, UP_SAMPLES, CHUNK)
        self._found, self._voiced = np.zeros(sessions, np.float32), np.zeros(sessions, np.bool_)

    def voiced(self, pcm: Pcm, active: Mask) -> NDArray[np.bool_]:
        """Take a frame `pcm` int16 [sessions, 320] of the `active` sessions; return the newest decisions [sessions]."""
        ready = self._fifo.push(pcm, active)
        if ready.any():
            self._network.process(self._fifo.chunks, self._found, ready)
            self._voiced[ready] = self._found[ready] > SPEECH_PROBABILITY
        return self._voiced

    def warm_up(self) -> None:
        """Compile the network: rows of silence do not fill a chunk."""
        self._network.process(self._fifo.chunks, self._found)
        self._network.reset()

    def reset(self, sessions: Mask) -> None:
        """Forget these sessions."""
        self._network.reset(sessions)
        self._fifo.reset(sessions)
        self._voiced[sessions] = False


class PlainSilero:
    """One session's judge by the network's plain form."""

    def __init__(self) -> None:
        self._network = Silero(load_weights(), "previous")
        self._held, self._voiced = np.zeros(0), False

    def voiced(self, pcm: bytes) -> bool:
        """Take a frame and return the newest decision."""
        self._held = np.concatenate([self._held, np.frombuffer(pcm, "<i2") / 32768.0])
        if self._held.size >= CHUNK:
            self._voiced = self._network(self._held[:CHUNK]) > SPEECH_PROBABILITY
            self._held = self._held[CHUNK:]
        return self._voiced


class CompiledSilero:
    """One session's judge by the batch, with a batch of one."""

    def __init__(self) -> None:
        self._judges, self._present = SileroJudges(1), np.ones(1, np.bool_)
        self._judges.warm_up()

    def voiced(self, pcm: bytes) -> bool:
        """Take a frame and return the newest decision."""
        return bool(self._judges.voiced(np.frombuffer(pcm, np.int16).reshape(1, -1), self._present)[0])
