"""Concealment of lost frames for one session: the last pitch period goes on, and fades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.int16]
SHORTEST_S, LONGEST_S = 1 / 400, 1 / 66  # pitch periods that are looked for
MATCHED_S, MERGED_S = 0.020, 0.004  # what is compared to find the period; the crossfade back to what was received
FULL_S, SILENT_S = 0.010, 0.060  # of a gap: until when nothing fades, and from when on nothing is heard


class OneConcealer:
    """Fills gaps of one stream: `heard` every received frame, `fill` once per lost one.

    Takes frames of any length, as FFmpeg's decoders give them. Method, weakness and source: kernels/concealer.py.
    """

    def __init__(self, rate_hz: int, frame: int) -> None:
        self.rate_hz, self.frame = rate_hz, frame
        self._shortest, self._longest = int(rate_hz * SHORTEST_S), int(rate_hz * LONGEST_S)
        self._past: NDArray[np.float64] = np.zeros(self._longest + int(rate_hz * MATCHED_S))
        self._period: NDArray[np.float64] = np.zeros(1)
        self._missing = 0  # samples filled since the last received one

    def heard(self, pcm: Sound) -> Sound:
        """Remember a received frame and return it, after a gap merged with what filled that."""
        if self._missing:
            merged = min(int(self.rate_hz * MERGED_S), pcm.size)
            weight = np.arange(1, merged + 1) / (merged + 1)
            start = pcm[:merged] * weight + self._continued(merged) * (1 - weight)
            pcm = np.concatenate((np.rint(start).astype(np.int16), pcm[merged:]))
            self._missing = 0
        self._past = np.concatenate((self._past, pcm.astype(np.float64)))[-self._past.size :]
        return pcm

    def fill(self) -> Sound:
        """Return a frame in the place of one that is lost."""
        if not self._missing:
            self._period = self._past[-self._pitch() :]
        made = self._continued(self.frame)
        self._missing += self.frame
        return np.rint(made).astype(np.int16)

    def _continued(self, samples: int) -> NDArray[np.float64]:
        at = self._missing + np.arange(samples)
        gain = 1 - (at / self.rate_hz - FULL_S) / (SILENT_S - FULL_S)
        repeated: NDArray[np.float64] = self._period[at % self._period.size] * np.clip(gain, 0, 1)
        return repeated

    def _pitch(self) -> int:
        """Return the lag, in samples, at which the past resembles its last 20 ms most."""
        latest = self._past[self._longest :]
        products = np.correlate(self._past, latest)[::-1]  # [lag]: lags 0 to longest
        energy = np.concatenate(([0.0], np.cumsum(self._past**2)))
        energies = (energy[latest.size :] - energy[: -latest.size])[::-1]
        likeness = products / np.sqrt(np.maximum(energies, 1.0))
        return self._shortest + int(np.argmax(likeness[self._shortest :]))
