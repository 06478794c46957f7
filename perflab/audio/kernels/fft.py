"""The Fourier transform of many sessions at once, for what works on spectra frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import LANES, aligned_zeros
from perflab.audio.kernels.pcm import FLOAT32, check_array, check_finite, check_sessions
from perflab.errors import UsageError

LEAST, MOST = 4, 4096
APART = 2 * LANES
Plane = NDArray[np.float32]


class BatchFFT:
    """Forward complex transforms of `points` (a power of two, 4 to 4,096) of many sessions, in float32.

    Data stay in lanes: real and imaginary plane float32 [groups, points, LANES], session s in group s // LANES and
    lane s % LANES; `planes()` makes such arrays. Why lanes: every operation then works on whole registers without a
    shuffle, whatever the size. Weakness: data that are not in lanes must be brought there (`enter`), and fewer
    sessions than lanes cost as much as all. Not normalised, sign as numpy's. Source: Van Loan,
    Computational Frameworks for the Fast Fourier Transform, 2.4 and 2.5 (radix four, decimation in frequency).
    Raises UsageError for another number of points and for zero sessions.
    """

    def __init__(self, points: int, sessions: int) -> None:
        from perflab.audio.kernels.compiled.fft import transform

        if not LEAST <= points <= MOST or points & (points - 1):
            raise UsageError(f"A transform of {points} points", f"a power of two from {LEAST} to {MOST:,}")
        self.points, self.sessions = points, check_sessions(sessions)
        self.groups = -(-sessions // LANES)
        held = aligned_zeros(2 * points * LANES + APART)  # the two planes must not be a multiple of 4 KiB apart
        self._held = held[: points * LANES], held[points * LANES + APART :]
        self._twiddle, self._order = _twiddles(points), _order(points)
        self._transform = transform

    def planes(self) -> tuple[Plane, Plane]:
        """Return a real and an imaginary plane of zeros."""
        shape = (self.groups, self.points, LANES)
        first, second = (aligned_zeros(self.groups * self.points * LANES).reshape(shape) for _ in range(2))
        return first, second

    def enter(self, values: NDArray[np.complexfloating], re: Plane, im: Plane) -> None:
        """Bring complex `values` [sessions, points] into lanes; raises UsageError for NaN, infinity, other shapes."""
        if values.shape != (self.sessions, self.points):
            raise UsageError(f"`values` is {list(values.shape)}", f"[{self.sessions}, {self.points}]")
        check_finite("values", values)
        for plane, part in ((re, values.real), (im, values.imag)):
            for group in range(self.groups):
                rows = part[group * LANES : (group + 1) * LANES]
                plane[group, :, : rows.shape[0]] = rows.T

    def leave(self, re: Plane, im: Plane) -> NDArray[np.complex64]:
        """Return the planes as complex64 [sessions, points]."""
        lanes = (re + 1j * im).astype(np.complex64).transpose(0, 2, 1)
        return np.ascontiguousarray(lanes.reshape(-1, self.points)[: self.sessions])

    def forward(self, re: Plane, im: Plane, out_re: Plane, out_im: Plane) -> None:
        """Transform the planes `re`, `im` into `out_re`, `out_im`; the two pairs must not overlap.

        A session that holds NaN spoils its own lane alone. Raises UsageError for other shapes or dtypes.
        """
        shape = (self.groups, self.points, LANES)
        for name, plane in (("re", re), ("im", im), ("out_re", out_re), ("out_im", out_im)):
            check_array(name, plane, FLOAT32, shape)
        self._transform(re, im, out_re, out_im, *self._held, self._twiddle, self._order)


def _twiddles(points: int) -> NDArray[np.float32]:
    """Return for each pass of radix four and each p: cosine, sine, -sine of -2 pi k p / length, k = 1, 2, 3."""
    tables, length = [], points
    while length > 4:
        angle = -2 * np.pi * np.outer(np.arange(length // 4), (1, 2, 3)) / length
        tables.append(np.stack((np.cos(angle), np.sin(angle), -np.sin(angle)), axis=2).reshape(-1))
        length //= 4
    return np.concatenate([*tables, np.zeros(9)]).astype(np.float32)


def _order(points: int) -> NDArray[np.int64]:
    """Return the frequency that lies at each place after the passes: the digits of the place in reverse."""
    order, length, step = np.zeros(points, dtype=np.int64), points, 1
    place = np.arange(points)
    while length > 1:
        radix = 4 if length >= 4 else 2
        length //= radix
        order += place // length % radix * step
        step *= radix
    return order
