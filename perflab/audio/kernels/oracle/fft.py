"""The discrete Fourier transform by its definition: a product with a matrix, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dft(values: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
    """Return the transforms of the rows of `values` [sessions, n] as complex128; n squared operations."""
    n = values.shape[1]
    turns = np.outer(np.arange(n), np.arange(n)) % n  # reduced before the cosine: large angles lose digits
    matrix = np.exp(-2j * np.pi * np.arange(n) / n)[turns]
    return np.asarray(np.einsum("sn,nk->sk", values.astype(np.complex128), matrix))  # no BLAS: its threads spin on
