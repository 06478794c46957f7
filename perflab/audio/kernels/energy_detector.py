"""Voice activity by energy: how far a frame stands above the quiet of its own line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.level import level
from perflab.audio.kernels.pcm import ANY, INT16, Mask, Pcm, check_active, check_array, check_sessions
from perflab.errors import UsageError

RISE_DB_S = 3.0  # how fast the floor follows a noise that has become louder
ABOVE_DB = 6.0


class EnergyDetector:
    """Tells voiced frames from others by their level above a tracked floor of noise, all sessions at once.

    The floor falls to any quieter frame at once and rises by 3 dB a second; a frame is voiced from `above_db` above
    it on, and never below an RMS of 30 (-61 dB of full scale). Why: 0.1 us a frame, where the network needs 10.
    Weakness: deaf to what a sound is, so that music, a door and another voice are speech; of speech in pink noise it
    hears 62 % of the voiced frames at 10 dB and 14 % at 0 dB, where the network hears 95 % and 89 % (false alarms 0.2 %
    against 5 %; 60 prompts, labels by the clean level); a line that begins in speech holds that for noise until the
    first pause. Source of the
    floor: after Doblinger, Computationally efficient speech enhancement by spectral minima tracking (1995), here on
    the level alone. Raises UsageError for zero sessions and parameters out of range.
    """

    def __init__(self, sessions: int, *, above_db: float = ABOVE_DB, frame_ms: float = 20.0) -> None:
        from perflab.audio.kernels.compiled.energy_detector import judge

        if not 0 < above_db <= 60 or not 0 < frame_ms <= 1_000:
            raise UsageError(f"{above_db:g} dB above the floor, frames of {frame_ms:g} ms", "above 0, to 60 dB and 1 s")
        self.sessions = check_sessions(sessions)
        self._judge = judge
        self._ratio, self._rise = np.float32(10 ** (above_db / 20)), np.float32(10 ** (RISE_DB_S * frame_ms / 20_000))
        self._levels = np.zeros((sessions, 2), np.float32)
        self._floor = np.zeros(sessions, np.float32)  # zero: nothing heard yet

    def process(self, pcm: Pcm, out: Mask, active: Mask | None = None) -> Mask:
        """Write whether each frame of `pcm` int16 [sessions, n] is voiced into `out` bool [sessions]; return it.

        Sessions that are not active are unvoiced and keep their floor. Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, ANY)
        mask = check_active(active, self.sessions)
        check_array("out", out, mask.dtype, (self.sessions,))
        self._judge(level(pcm, self._levels, mask), mask, self._floor, self._ratio, self._rise, out)
        return out

    @property
    def floor(self) -> NDArray[np.float32]:
        """The RMS of each session's quiet, in units of int16; 0 where nothing has been heard."""
        return self._floor.copy()

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget the floor: of all sessions, or of those in the mask [sessions]."""
        self._floor[check_active(sessions, self.sessions)] = 0
