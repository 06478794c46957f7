"""Bar 7: the batched transform beside scipy.fft on the same complex numbers."""

from __future__ import annotations

from itertools import count

import numpy as np

from perflab.audio.kernels.fft import BatchFFT
from perflab.audio.kernels.oracle.fft import dft
from perflab.benches.audio.contest import Contest, Work, hold
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 40
POINTS, SESSIONS = 256, 64
GROWS, SMALLEST = 40, 1e-30  # calls, and the size to begin with: 1e25 after the last of 512 points, within float32


def bars(say: Say) -> list[Bar]:
    """Measure 256 complex points of 64 sessions, data where each side wants them, and the error against float64."""
    held = [hold(contest) for contest in contests()]
    return [*(outcome.bar(layout="ours: sessions as lanes; scipy: rows") for outcome in held), exactness()]


def exactness() -> Bar:
    """Return the largest error against the definition in float64, relative to the largest value."""
    kernel, values = BatchFFT(POINTS, SESSIONS), _values()
    into = kernel.planes()
    kernel.enter(values, into)
    wanted = dft(values)
    error = float(np.abs(kernel.leave(kernel.forward(into, kernel.planes())) - wanted).max() / np.abs(wanted).max())
    title = "largest error against float64, relative to the largest value"
    return Bar("fft-error", title, error, "<=", 1e-6, "", values.size)


def contests() -> list[Contest]:
    """Return our transform against scipy.fft in place with one worker, neither of them scaled."""
    kernel, values = BatchFFT(POINTS, SESSIONS), _values()
    into, out = kernel.planes(), kernel.planes()
    kernel.enter(values, into)
    return [Contest("fft", f"{POINTS} complex points, {SESSIONS} sessions: scipy.fft batched over ours",
                    lambda: kernel.forward(into, out), in_place(values), SESSIONS, 3)]  # fmt: skip


def in_place(values: np.ndarray) -> Work:
    """Return scipy's transform of complex64 `values` [sessions, points] on one thread, written over its input.

    In place, so that no time goes into fresh memory. Each call transforms what the last one left, which grows with the
    root of the points (16 times with 256, 23 with 512); the first begins with `values` times SMALLEST, and so does
    every one after GROWS calls, which is a hundredth of its time or less. Asking for the unitary transform instead
    would keep them bounded, and cost it a pass over the data that ours does not make (5 % of its time).
    Weakness: who needs the values afterwards must copy them first.
    """
    import scipy.fft

    kept, calls = np.empty_like(values), count()

    def work() -> np.ndarray:
        if next(calls) % GROWS == 0:
            np.multiply(values, np.float32(SMALLEST), out=kept)
        return np.asarray(scipy.fft.fft(kept, axis=1, overwrite_x=True, workers=1))

    return work


def _values() -> np.ndarray:
    rng = np.random.default_rng(3)
    parts = rng.normal(size=(2, SESSIONS, POINTS))
    return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)
