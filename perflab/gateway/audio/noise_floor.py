"""Speech by how far a frame stands above the quiet of its own line; what that costs is in `EnergyDetector`.

Where a room is louder than `stages.SPEECH_RMS`, a fixed level hears speech without end; a floor that is followed does
not. The price is the soft end of a word in noise, and the first words of a line that begins in speech.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.energy_detector import ABOVE_DB, RISE_DB_S, EnergyDetector
from perflab.audio.kernels.oracle.energy_detector import NoiseFloor
from perflab.audio.kernels.pcm import Mask, Pcm
from perflab.gateway.audio.frame_level import measure
from perflab.gateway.audio.stages import UP_SAMPLES
from perflab.wire.audio_format import FRAME_MS


class FloorJudges:
    """The judges of `sessions` sessions."""

    def __init__(self, sessions: int) -> None:
        self._detector, self._voiced = EnergyDetector(sessions, frame_ms=FRAME_MS), np.zeros(sessions, np.bool_)

    def voiced(self, pcm: Pcm, active: Mask) -> NDArray[np.bool_]:
        """Take a frame `pcm` int16 [sessions, 320] of the `active` sessions; return who is voiced, bool [sessions]."""
        return self._detector.process(pcm, self._voiced, active)

    def warm_up(self) -> None:
        """Compile the detector."""
        self._detector.process(np.zeros((self._voiced.size, UP_SAMPLES), np.int16), self._voiced)
        self._detector.reset()

    def reset(self, sessions: Mask) -> None:
        """Forget the quiet of these sessions."""
        self._detector.reset(sessions)


class PlainFloor:
    """One session's judge in Python, in decibels."""

    def __init__(self) -> None:
        self._floor = NoiseFloor(ABOVE_DB, RISE_DB_S * FRAME_MS / 1e3)

    def voiced(self, pcm: bytes) -> bool:
        """Take a frame."""
        return self._floor(measure(pcm)[0])


class CompiledFloor:
    """One session's judge by the batch, with a batch of one."""

    def __init__(self) -> None:
        self._judges, self._present = FloorJudges(1), np.ones(1, np.bool_)
        self._judges.warm_up()

    def voiced(self, pcm: bytes) -> bool:
        """Take a frame."""
        return bool(self._judges.voiced(np.frombuffer(pcm, np.int16).reshape(1, -1), self._present)[0])
