"""The gaps of one stream, filled by the compiled concealment of many."""

from __future__ import annotations

import numpy as np

from perflab.audio.codecs.codec import Sound
from perflab.audio.kernels.concealer import Concealer

LOST, RECEIVED = np.ones(1, np.bool_), np.zeros(1, np.bool_)


class Gaps:
    """One session of a Concealer: `heard` every received frame, `fill` once per lost one."""

    def __init__(self, rate_hz: int, frame: int) -> None:
        self._concealer, self._silence = Concealer(rate_hz, frame, 1), np.zeros((1, frame), np.int16)

    def heard(self, pcm: Sound) -> Sound:
        """Remember a received frame int16 [frame] and return it, after a gap merged with what filled that."""
        return np.asarray(self._concealer.process(pcm[None], RECEIVED, np.empty_like(self._silence))[0])

    def fill(self) -> Sound:
        """Return a frame in the place of one that is lost."""
        return np.asarray(self._concealer.process(self._silence, LOST, np.empty_like(self._silence))[0])
