"""Packet-loss concealment for codecs that have none of their own: the last pitch period goes on, and fades."""

from __future__ import annotations

import numpy as np

from perflab.audio.kernels.oracle.concealer import FULL_S, LONGEST_S, MATCHED_S, MERGED_S, SHORTEST_S, SILENT_S
from perflab.audio.kernels.pcm import INT16, Mask, Pcm, check_active, check_array, check_sessions
from perflab.errors import UsageError

SLOWEST_HZ, FASTEST_HZ, LONGEST_FRAME_S = 8_000, 48_000, 0.12


class Concealer:
    """Fills the gaps of many sessions at once: each frame is either received or lost, session by session.

    The period that fits the last 20 ms best (normalised correlation) is repeated, at full strength for 10 ms, silent
    after 60 ms, and merged with the first received frame over 4 ms. Why this and not zeros: a gap of silence is heard
    as a click, and recognisers take it for a pause. Bit for bit what its plain form makes of each session: the sums
    of products of int16 are exact in float64 in any order. Weakness: a gap inside a plosive is filled with the vowel
    before, and the search for the period makes the first lost frame cost many times a received one, so that a tick in
    which all sessions lose costs most. Source: ITU-T G.711 Appendix I, here without its delay of 3.75 ms, so that the
    first period is not smoothed. Raises UsageError for zero sessions, other rates than 8 to 48 kHz, and frames of over
    120 ms or of less than what is merged.
    """

    def __init__(self, rate_hz: int, frame: int, sessions: int) -> None:
        from perflab.audio.kernels.compiled.concealer import conceal

        if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ or not rate_hz * MERGED_S <= frame <= rate_hz * LONGEST_FRAME_S:
            raise UsageError(f"Frames of {frame} samples at {rate_hz:,} Hz", "8 to 48 kHz, frames of 4 to 120 ms")
        self.rate_hz, self.frame, self.sessions = rate_hz, frame, check_sessions(sessions)
        self._conceal = conceal
        self._shortest, self._longest = int(rate_hz * SHORTEST_S), int(rate_hz * LONGEST_S)
        self._past = np.zeros((sessions, self._longest + int(rate_hz * MATCHED_S)), np.int16)
        self._missing, self._period = np.zeros(sessions, np.int64), np.ones(sessions, np.int64)
        self._times = np.array([rate_hz, FULL_S, SILENT_S - FULL_S])
        weight = int(rate_hz * MERGED_S)
        self._weights = np.arange(1, weight + 1) / (weight + 1)

    def process(self, pcm: Pcm, lost: Mask, out: Pcm, active: Mask | None = None) -> Pcm:
        """Write what is heard into `out` int16 [sessions, frame] and return it; `out` may be `pcm`.

        `pcm` int16 [sessions, frame]: what was received; rows of sessions whose frame is `lost` (bool [sessions]) are
        not read. Sessions that are not active keep their state and their row of `out` is zero. Raises UsageError for
        other shapes or dtypes.
        """
        shape = (self.sessions, self.frame)
        check_array("pcm", pcm, INT16, shape)
        check_array("out", out, INT16, shape)
        mask = check_active(active, self.sessions)
        check_array("lost", lost, mask.dtype, (self.sessions,))
        self._conceal(
            pcm, lost, mask, self._past, self._missing, self._period, self._shortest, self._longest, self._times,
            self._weights, out,
        )  # fmt: skip
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard: by all sessions, or by those in the mask [sessions]."""
        those = check_active(sessions, self.sessions)
        self._past[those], self._missing[those], self._period[those] = 0, 0, 1
