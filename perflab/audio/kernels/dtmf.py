"""Telephone keys by one matrix product: where a better algorithm beats a better compiler."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import ANY, FLOAT32, INT16, Mask, Pcm, check_active, check_array
from perflab.errors import UsageError

LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
TONES = len(LOW_HZ + HIGH_HZ)
NONE = ""
SHORTEST_S = 0.0125  # a shorter window cannot tell neighbouring tones (73 Hz apart) from each other
LEAST_AMPLITUDE = 100.0  # units of int16, of each of the two tones
LEAST_SHARE = 0.7  # of the frame's energy in the two tones: speech spreads its energy
TWIST_DB = (-8.0, 4.0)  # high tone against low tone, as the networks accept it
RATES = (8_000, 16_000)
Amplitudes = NDArray[np.float32]


class DtmfDetector:
    """Finds the key that sounds in each session's frame of `samples` at `rate` Hz.

    A Goertzel filter walks over the samples once per tone, each step waiting for the last one. The same power is the
    squared size of a product with a sine and a cosine, and for all tones and all sessions that is one matrix product,
    which the best tuned code of every machine does: no kernel of our own is needed. Weakness: the frame is judged on
    its own; debouncing over frames is the caller's. Source: ITU-T Q.23 and Q.24.
    Raises UsageError for another rate or a frame shorter than 12.5 ms.
    """

    def __init__(self, rate: int, samples: int) -> None:
        if rate not in RATES:
            raise UsageError(f"A rate of {rate} Hz", f"rates are {', '.join(map(str, RATES))} Hz")
        if samples < SHORTEST_S * rate:
            raise UsageError(f"A frame of {samples} samples at {rate} Hz", f"at least {SHORTEST_S * 1e3:g} ms")
        self.rate, self.samples = rate, samples
        self._table = _table(rate, samples)

    def amplitudes(self, pcm: Pcm, out: Amplitudes | None = None, active: Mask | None = None) -> Amplitudes:
        """Return the amplitude of each of the 8 tones in units of int16: float32 [sessions, 8], low tones first.

        They are written into `out` where it is given; the product that they are made of is a fresh array all the same.
        Sessions that are not active get zeros. Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, ANY)
        check_array("pcm", pcm, INT16, (pcm.shape[0], self.samples))
        if out is not None:
            check_array("out", out, FLOAT32, (pcm.shape[0], TONES))
        idle = None if active is None else ~check_active(active, pcm.shape[0])
        parts = (pcm.astype(FLOAT32) @ self._table).reshape(-1, 2, TONES)
        made: Amplitudes = np.hypot(parts[:, 0], parts[:, 1], out=out)
        if idle is not None:
            made[idle] = 0
        return made

    def keys(self, pcm: Pcm, active: Mask | None = None) -> list[str]:
        """Return the key of each session of `pcm` int16 [sessions, samples], NONE where none sounds.

        Sessions that are not active get NONE. Errors as `amplitudes`.
        """
        size = self.amplitudes(pcm, active=active)
        low, high = size[:, :4].argmax(axis=1), 4 + size[:, 4:].argmax(axis=1)
        rows = np.arange(size.shape[0])
        first, second = size[rows, low].astype(float), size[rows, high].astype(float)
        energy = np.einsum("ij,ij->i", pcm, pcm, dtype=np.float64) / self.samples
        twist = 20 * np.log10(np.maximum(second, 1e-9) / np.maximum(first, 1e-9))
        tonal = (first**2 + second**2) / 2 >= LEAST_SHARE * energy
        loud = np.minimum(first, second) >= LEAST_AMPLITUDE
        found = tonal & loud & (twist >= TWIST_DB[0]) & (twist <= TWIST_DB[1])
        return [KEYS[4 * a + b - 4] if yes else NONE for a, b, yes in zip(low, high, found, strict=True)]


@lru_cache(maxsize=8)
def _table(rate: int, samples: int) -> NDArray[np.float32]:
    """Return cosines, then sines, of the 8 tones: float32 [samples, 16], scaled so that products are amplitudes."""
    angle = 2 * np.pi * np.outer(np.arange(samples), LOW_HZ + HIGH_HZ) / rate
    return np.ascontiguousarray(np.hstack((np.cos(angle), np.sin(angle))) * 2 / samples, dtype=np.float32)
