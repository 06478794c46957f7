"""Arithmetic on lanes against numpy's, lane by lane, with the bounds that are stated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from perflab.audio.kernels.compiled.simd import load, store
from perflab.audio.kernels.compiled.simd_math import div, exp, least, most, nearest, where
from perflab.audio.kernels.lanes import LANES


@njit
def computed(a: Any, b: Any, out: Any) -> None:
    """Write exp(a), a / b, min, max, the nearest whole number, and a or b by the sign of a, a row each."""
    for at in range(0, a.size, LANES):
        x, y = load(a, at), load(b, at)
        store(out[0], at, exp(x))
        store(out[1], at, div(x, y))
        store(out[2], at, least(x, y))
        store(out[3], at, most(x, y))
        store(out[4], at, nearest(x))
        store(out[5], at, where(x, x, y))


def test_every_lane_is_numpys() -> None:
    rng = np.random.default_rng(1)
    a = np.concatenate((np.linspace(-87, 87, 20_000), [0.0, 0.5, 1.5, -2.5, 1e-30], rng.normal(size=3_995)))
    a = a[: a.size // LANES * LANES].astype(np.float32)
    b = rng.normal(1, 5, a.size).astype(np.float32)
    out = np.zeros((6, a.size), np.float32)
    computed(a, b, out)
    wanted = np.exp(a.astype(np.float64))
    assert (np.abs(out[0] / wanted - 1) <= 4e-7 + 1e-7 * np.abs(a)).all()
    assert np.abs(out[0, a == 0] - 1).max() <= 4e-7
    for row, other in zip(out[1:], (a / b, np.minimum(a, b), np.maximum(a, b), np.rint(a), np.where(a > 0, a, b)),
                          strict=True):  # fmt: skip
        assert np.array_equal(row, other)


def test_powers_beyond_the_range_are_cut_and_stay_finite() -> None:
    a = np.full(LANES, -1e9, np.float32)
    a[0] = 1e9
    a[1] = -np.inf
    out = np.zeros((6, LANES), np.float32)
    computed(a, np.ones(LANES, np.float32), out)
    assert np.isfinite(out[0]).all()
    assert out[0, 0] > 1e37 and 0 < out[0, 1] < 2e-38
