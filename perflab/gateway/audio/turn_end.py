"""Where speech begins and ends, from one decision for each frame of 20 ms: a session at a time, or all at once.

The two forms give the same events, frame by frame; the plain one is the definition.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from perflab.gateway.flags.upstream import SILENCE_MS
from perflab.wire.audio_format import FRAME_MS

ONSET_FRAMES = 3  # voiced frames in a row that begin speech (60 ms), so that a click does not
END_FRAMES = SILENCE_MS // FRAME_MS  # unvoiced frames in a row that end it, as Live is asked to count
Mask = NDArray[np.bool_]


class Event(IntEnum):
    """What one frame did."""

    NONE = 0
    STARTED = 1
    ENDED = 2


EVENTS = tuple(Event)


class TurnEnd:
    """One session's speech: begins with ONSET_FRAMES voiced frames in a row, ends with END_FRAMES unvoiced ones."""

    def __init__(self) -> None:
        self.speaking = False
        self._voiced = self._silent = 0

    def feed(self, voiced: bool) -> Event:
        """Take the decision on the next frame."""
        if voiced:
            self._voiced, self._silent = self._voiced + 1, 0
            if not self.speaking and self._voiced >= ONSET_FRAMES:
                self.speaking = True
                return Event.STARTED
            return Event.NONE
        self._voiced = 0
        if self.speaking:
            self._silent += 1
            if self._silent >= END_FRAMES:
                self.speaking, self._silent = False, 0
                return Event.ENDED
        return Event.NONE


class TurnEnds:
    """The same for many sessions at once: a handful of array operations for all of them."""

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
