"""Where speech begins and ends, from one decision for each frame of 20 ms: the definition, one session at a time."""

from __future__ import annotations

from enum import IntEnum

from perflab.gateway.flags.upstream import SILENCE_MS
from perflab.wire.audio_format import FRAME_MS

ONSET_FRAMES = 3  # voiced frames in a row that begin speech (60 ms), so that a click does not
END_FRAMES = SILENCE_MS // FRAME_MS  # unvoiced frames in a row that end it, as Live is asked to count


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
