"""Where each layer of the batched Silero detector reads and writes: its tables packed, its rows laid out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import LANES, TILE, aligned_zeros
from perflab.audio.kernels.silero_weights import BINS, CHUNK, CONTEXT, HIDDEN, HOP, WINDOW, Floats, SileroWeights
from perflab.errors import UsageError

BLOCK = 48  # sessions that pass all layers together: what lies between two layers then stays in the second cache
PANEL = TILE[1] * LANES  # outputs of a tile
HALF_PRECISION = 2.0**-11  # the file keeps its tables as float16, of values up to one
PADDED = CHUNK + 2 * CONTEXT
FRAMES = (PADDED - WINDOW) // HOP + 1
SPECTRA = 2 * (BINS - 1)  # the sines of the first and the last bin are zero and left out
FEATURES = 2 * HIDDEN  # what the recurrent layer reads: new features, then its own last output
NARROW = 64  # outputs of the second and third layer
Indexes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SileroPlan:
    """For six products (transform, four convolutions, recurrent layer): tables, biases, depths, and each row's places.

    Why convolutions as products: in [time, channel] the three taps of a window lie side by side in memory, so a row is
    a place to start from, and nothing is copied. Taps that only ever see padding are left out (the third layer's
    first, the fourth's first and last). `sizes`: where each frame's spectrum goes when the transform is no product.
    """

    tables: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    depths: Indexes
    starts: tuple[Indexes, ...]
    places: tuple[Indexes, ...]
    sizes: Indexes

    def buffers(self) -> tuple[Floats, ...]:
        """Return what lies before and between the products, for BLOCK sessions, zero where there is padding."""
        sizes = (PADDED, FRAMES * SPECTRA, (FRAMES + 2) * BINS, (FRAMES + 1) * HIDDEN, 2 * NARROW, NARROW, FEATURES,
                 4 * HIDDEN)  # fmt: skip
        return tuple(aligned_zeros(BLOCK * size) for size in sizes)


def silero_plan(weights: SileroWeights) -> SileroPlan:
    """Return the plan of these weights; raises UsageError where their first layer is no transform by Hann's window."""
    if np.abs(weights.basis - exact_basis()).max() > HALF_PRECISION:
        raise UsageError("The first layer of these weights is no Fourier transform by Hann's window", "Silero VAD's")
    products = silero_products(weights)
    return SileroPlan(
        tuple(_panels(matrix) for matrix, _ in products), tuple(np.ascontiguousarray(bias) for _, bias in products),
        np.array([matrix.shape[1] for matrix, _ in products], dtype=np.int64),
        (_rows(FRAMES, PADDED, HOP), _rows(FRAMES, (FRAMES + 2) * BINS, BINS),
         _rows(2, (FRAMES + 1) * HIDDEN, 2 * HIDDEN), _rows(1, 2 * NARROW), _rows(1, NARROW), _rows(1, FEATURES)),
        (_rows(FRAMES, FRAMES * SPECTRA, SPECTRA), _rows(FRAMES, (FRAMES + 1) * HIDDEN, HIDDEN, HIDDEN),
         _rows(2, 2 * NARROW, NARROW), _rows(1, NARROW), _rows(1, FEATURES), _rows(1, 4 * HIDDEN)),
        _rows(FRAMES, (FRAMES + 2) * BINS, BINS, BINS),
    )  # fmt: skip


def hann() -> NDArray[np.float64]:
    """Return the window of the transform [256], periodic, its largest value one."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def exact_basis() -> NDArray[np.float64]:
    """Return the first layer as the network was trained with it: what the file holds, before it was rounded."""
    angle = 2 * np.pi * np.outer(np.arange(BINS), np.arange(WINDOW)) / WINDOW
    return np.asarray(np.concatenate((np.cos(angle), -np.sin(angle))) * hann())


def silero_products(weights: SileroWeights) -> tuple[tuple[Floats, Floats], ...]:
    """Return matrix float32 [outputs, depth] and bias [outputs] of the six products, in the order they are taken."""
    basis = np.concatenate((weights.basis[:BINS], weights.basis[BINS + 1 : -1]))
    second, third, fourth = (weights.layers[n][0] for n in (1, 2, 3))
    matrices = (
        basis, _by_time(weights.layers[0][0]), _by_time(second), _by_time(third[:, :, 1:]), fourth[:, :, 1],
        np.concatenate((weights.inputs, weights.recurrent), axis=1),
    )  # fmt: skip
    biases = (np.zeros(SPECTRA, np.float32), *(bias for _, bias in weights.layers), weights.bias)
    return tuple(zip(matrices, biases, strict=True))


def _by_time(weight: Floats) -> Floats:
    """Return [out, in, taps] as [out, taps * in]: tap by tap, as windows lie in memory."""
    return weight.transpose(0, 2, 1).reshape(weight.shape[0], -1)


def _panels(matrix: Floats) -> Floats:
    """Return a matrix [out, depth] as flat panels of PANEL outputs, each [depth, PANEL]."""
    outputs, depth = matrix.shape
    flat = aligned_zeros(matrix.size)
    flat[:] = matrix.reshape(outputs // PANEL, PANEL, depth).transpose(0, 2, 1).reshape(-1)
    return flat


def _rows(per_session: int, size: int, apart: int = 0, begin: int = 0) -> Indexes:
    """Return where each row of BLOCK sessions lies: sessions `size` apart, their rows `apart` from `begin` on."""
    rows = np.arange(BLOCK)[:, None] * size + begin + np.arange(per_session) * apart
    return np.ascontiguousarray(rows.reshape(-1), dtype=np.int64)
