"""What the compiled kernels need to turn a real signal into its spectrum and back: tables and scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.fft import APART, digit_order, twiddles
from perflab.audio.kernels.lanes import LANES, aligned_zeros


@dataclass(frozen=True)
class RealTables:
    """For real signals of `2 * half` samples.

    `twiddle` and `order` belong to the complex transform, `turns` to the real one; `held` is scratch.
    """

    half: int
    twiddle: NDArray[np.float32]
    order: NDArray[np.int64]
    turns: NDArray[np.float32]
    held: NDArray[np.float32]

    @property
    def bins(self) -> int:
        """Frequencies from zero to half the rate, both counted."""
        return self.half + 1

    def planes(self, count: int) -> NDArray[np.float32]:
        """Return `count` pairs of a real and an imaginary plane for one register of sessions."""
        return aligned_zeros(count * 2 * self.half * LANES).reshape(count, 2, 1, self.half, LANES)


def real_tables(samples: int) -> RealTables:
    """Return the tables for real signals of `samples`, a power of two from 8 to 8,192."""
    half = samples // 2
    angle = -np.pi * np.arange(half // 2 + 1) / half
    turns = np.stack((np.cos(angle), np.sin(angle)), axis=1).reshape(-1).astype(np.float32)
    return RealTables(half, twiddles(half), digit_order(half), turns, aligned_zeros(2 * half * LANES + APART))


def spectrum(window: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """Return what the compiled `magnitudes` needs for windows of this shape [samples]: tables, and scratch of its own.

    Half the window, for the spectrum of halves comes out doubled.
    """
    tables = real_tables(window.size)
    planes, made = tables.planes(2)
    sizes = aligned_zeros(tables.bins * LANES)
    return (window / 2).astype(np.float32), tables.twiddle, tables.order, tables.turns, tables.held, planes, made, sizes


def register_rows(registers: int, rows: int) -> NDArray[np.float32]:
    """Return zeros for the state of sessions in lanes: float32 [registers, rows * LANES]."""
    return aligned_zeros(registers * rows * LANES).reshape(registers, -1)


def forget(state: NDArray[np.float32], sessions: NDArray[np.bool_], value: float = 0.0) -> None:
    """Set the lanes of `sessions` (a mask) in a state [registers, rows * LANES] to `value`."""
    mask = np.zeros(state.shape[0] * LANES, dtype=np.bool_)
    mask[: sessions.size] = sessions
    state.reshape(state.shape[0], -1, LANES).transpose(0, 2, 1)[mask.reshape(-1, LANES)] = value
