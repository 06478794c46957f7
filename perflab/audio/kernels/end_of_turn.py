"""When has someone begun, and when have they finished? Turns out of a row of probabilities of speech."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import FLOAT32, Mask, check_active, check_array, check_sessions
from perflab.errors import UsageError

Events = NDArray[np.int8]
MOST_STEPS = 1 << 20


class Turn(IntEnum):
    """What one step did."""

    NONE = 0
    STARTED = 1
    ENDED = 2


class EndOfTurn:
    """Turns probabilities of speech into starts and ends of turns, for all sessions at once.

    A turn starts with `onset` steps in a row at or above `start`, and ends with `silence` steps in a row below `stop`;
    what lies between the two thresholds starts nothing and is no silence (hysteresis), so that a voice that wavers is
    not cut off.
    Weakness: a pause for thought as long as `silence` ends the turn; whoever judges by words does better, later.
    The thresholds are Silero's own (0.5 and 0.15 below); 2 and 10 steps of 32 ms are 64 ms and 320 ms.
    Raises UsageError for zero sessions and parameters out of range.
    """

    def __init__(
        self, sessions: int, *, start: float = 0.5, stop: float = 0.35, onset: int = 2, silence: int = 10
    ) -> None:
        from perflab.audio.kernels.compiled.end_of_turn import follow

        if not 0 <= stop <= start <= 1:
            raise UsageError(f"Speech starts at {start:g} and stops below {stop:g}", "0 <= stop <= start <= 1")
        if not (1 <= onset <= MOST_STEPS and 1 <= silence <= MOST_STEPS):
            raise UsageError(f"{onset} steps of onset, {silence} of silence", f"1 to {MOST_STEPS:,}")
        self.sessions = check_sessions(sessions)
        self.speaking: Mask = np.zeros(sessions, np.bool_)
        self._follow, self._run = follow, np.zeros(sessions, np.int64)
        self._start, self._stop, self._onset, self._silence = np.float32(start), np.float32(stop), onset, silence

    def feed(self, probabilities: NDArray[np.float32], out: Events, active: Mask | None = None) -> Events:
        """Take the next `probabilities` float32 [sessions]; write what they did into `out` int8 [sessions]; return it.

        `speaking` tells afterwards who has the turn. Sessions that are not active, and those with NaN, stay as they
        are. Raises UsageError for other shapes or dtypes.
        """
        check_array("probabilities", probabilities, FLOAT32, (self.sessions,))
        check_array("out", out, np.dtype(np.int8), (self.sessions,))
        self._follow(probabilities, check_active(active, self.sessions), self._start, self._stop, self._onset,
                     self._silence, self.speaking, self._run, out)  # fmt: skip
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget: all sessions, or those in the mask [sessions]. No end is told for a turn that was going on."""
        mask = check_active(sessions, self.sessions)
        self.speaking[mask] = False
        self._run[mask] = 0
