"""Where speech begins and ends in many sessions at once; frame by frame the same events as `turn_end` gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.gateway.audio.turn_end import END_FRAMES, ONSET_FRAMES, Event

Mask = NDArray[np.bool_]


class TurnEnds:
    """The speech of `sessions` sessions: a handful of array operations for all of them."""

    def __init__(self, sessions: int) -> None:
        self.speaking = np.zeros(sessions, np.bool_)
        self._voiced = np.zeros(sessions, np.int32)
        self._silent = np.zeros(sessions, np.int32)

    def feed(self, voiced: Mask, active: Mask) -> NDArray[np.int8]:
        """Take the decisions `voiced` [sessions] and return events int8 [sessions]; sessions not `active` stay."""
        heard, unheard = voiced & active, active & ~voiced
        self._voiced[heard] += 1
        self._voiced[unheard] = 0
        self._silent[heard] = 0
        started = heard & ~self.speaking & (self._voiced >= ONSET_FRAMES)
        self._silent[unheard & self.speaking] += 1
        ended = unheard & self.speaking & (self._silent >= END_FRAMES)
        self.speaking[started] = True
        self.speaking[ended] = False
        self._silent[ended] = 0
        events = np.zeros(self.speaking.size, np.int8)
        events[started] = Event.STARTED
        events[ended] = Event.ENDED
        return events

    def reset(self, session: int) -> None:
        """Forget one session."""
        self.speaking[session] = False
        self._voiced[session] = self._silent[session] = 0
