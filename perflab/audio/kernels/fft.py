"""The Fourier transform of many sessions at once, for what works on spectra frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import LANES, aligned_zeros
from perflab.audio.kernels.pcm import FLOAT32, check_array, check_finite, check_sessions
from perflab.errors import UsageError

LEAST, MOST = 4, 4096
APART = 32  # values between the planes of the scratch: a multiple of 4 KiB would make them share cache sets

Planes = NDArray[np.float32]


class BatchFFT:
    """Forward complex transforms of `points` (a power of two, 4 to 4,096) of many sessions, in float32.

    Data stay in lanes: float32 [2, groups, points, LANES], the real plane first, session s in group s // LANES and lane
    s % LANES; `planes()` makes such an array. Why lanes: every operation then works on whole registers without a
    shuffle, whatever the size. Weakness: data that are not in lanes must be brought there (`enter`), and fewer
    sessions than lanes cost as much as all. Not normalised, sign as numpy's. Source: Van Loan,
    Computational Frameworks for the Fast Fourier Transform, 2.4 and 2.5 (radix eight, decimation in frequency).
    Raises UsageError for another number of points and for zero sessions.
    """

    def __init__(self, points: int, sessions: int) -> None:
        from perflab.audio.kernels.compiled.fft import transform

        if not LEAST <= points <= MOST or points & (points - 1):
            raise UsageError(f"A transform of {points} points", f"a power of two from {LEAST} to {MOST:,}")
        self.points, self.sessions = points, check_sessions(sessions)
        self.groups = -(-sessions // LANES)
        self._shape = (2, self.groups, points, LANES)
        self._held = aligned_zeros(2 * points * LANES + APART)
        self._twiddle, self._order = twiddles(points), digit_order(points)
        self._transform = transform

    def planes(self) -> Planes:
        """Return a real and an imaginary plane of zeros."""
        return aligned_zeros(2 * self.groups * self.points * LANES).reshape(self._shape)

    def enter(self, values: NDArray[np.complexfloating], planes: Planes) -> None:
        """Bring complex `values` [sessions, points] into lanes; raises UsageError for NaN, infinity, other shapes."""
        check_array("planes", planes, FLOAT32, self._shape)
        if values.shape != (self.sessions, self.points):
            raise UsageError(f"`values` is {list(values.shape)}", f"[{self.sessions}, {self.points}]")
        check_finite("values", values)
        for plane, part in zip(planes, (values.real, values.imag), strict=True):
            for group in range(self.groups):
                rows = part[group * LANES : (group + 1) * LANES]
                plane[group, :, : rows.shape[0]] = rows.T

    def leave(self, planes: Planes) -> NDArray[np.complex64]:
        """Return the planes as complex64 [sessions, points]."""
        check_array("planes", planes, FLOAT32, self._shape)
        lanes = (planes[0] + 1j * planes[1]).astype(np.complex64).transpose(0, 2, 1)
        return np.ascontiguousarray(lanes.reshape(-1, self.points)[: self.sessions])

    def forward(self, planes: Planes, out: Planes) -> Planes:
        """Transform `planes` into `out` and return it; the two must not overlap.

        A session that holds NaN spoils its own lane alone. There is no mask of active sessions: a transform keeps no
        state and lanes are computed together, so an idle one costs and spoils nothing; do not read it. Raises
        UsageError for other shapes or dtypes.
        """
        check_array("planes", planes, FLOAT32, self._shape)
        check_array("out", out, FLOAT32, self._shape)
        self._transform(planes, out, self._held, self._twiddle, self._order)
        return out


def twiddles(points: int) -> NDArray[np.float32]:
    """Return the root of a half, and for each pass and each p: cosine and sine of -2 pi k p / length, k = 1 to 7."""
    tables, length = [np.full(1, np.sqrt(0.5))], points
    while length > 8:
        angle = -2 * np.pi * np.outer(np.arange(length // 8), np.arange(1, 8)) / length
        tables.append(np.stack((np.cos(angle), np.sin(angle)), axis=2).reshape(-1))
        length //= 8
    return np.concatenate([*tables, np.zeros(14)]).astype(np.float32)


def digit_order(points: int) -> NDArray[np.int64]:
    """Return the place at which each frequency lies after the passes: its digits in reverse."""
    order, length, step = np.zeros(points, dtype=np.int64), points, 1
    frequency = np.arange(points)
    while length > 1:
        radix = min(length, 8)
        length //= radix
        order += frequency // step % radix * length
        step *= radix
    return order
