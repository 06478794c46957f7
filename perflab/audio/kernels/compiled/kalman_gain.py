"""The echo canceller's filter at one moment: the echo that it expects, and what it learns from the error.

`weights` hold per frequency and partition a register each of real part, imaginary part and variance; `spectra` per
frequency and slot one of real and one of imaginary part: what is used together lies together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.simd import add, fma, fnma, load, mul, splat, store, sub, zero
from perflab.audio.kernels.compiled.simd_math import div, every, most, where
from perflab.audio.kernels.lanes import LANES
from perflab.jit import njit


@njit(cache=True, nogil=True)
def predict(weights: Any, spectra: Any, places: Any, slots: int, spectrum: Any) -> None:
    """Write the spectrum of the expected echo to rows 0 and 1 of `spectrum`, its uncertainty to row 2.

    `places`: for each partition the offset of its spectrum within a frequency's slots.
    """
    at = 0
    for k in range(spectrum.shape[1] // LANES):
        re, im, doubt = zero(), zero(), zero()
        base = k * slots * 2 * LANES
        for p in range(places.size):
            x = base + places[p]
            xr, xi = load(spectra, x), load(spectra, x + LANES)
            wr, wi = load(weights, at), load(weights, at + LANES)
            re, im = fma(wr, xr, fnma(wi, xi, re)), fma(wr, xi, fma(wi, xr, im))
            doubt = fma(load(weights, at + 2 * LANES), fma(xr, xr, mul(xi, xi)), doubt)
            at += 3 * LANES
        store(spectrum[0], k * LANES, re)
        store(spectrum[1], k * LANES, im)
        store(spectrum[2], k * LANES, doubt)


@njit(cache=True, nogil=True)
def adapt(
    weights: Any, spectra: Any, places: Any, slots: int, spectrum: Any, near: Any, mask: Any, setting: Any
) -> None:
    """Correct weights and variances by the error's spectrum (rows 0 and 1 of `spectrum`, uncertainty in row 2).

    `near`: flat [bins * LANES], the smoothed power of the error. In a lane that is idle every factor is neutral, so
    that its state stays bit for bit what it was.
    """
    chosen, one = load(mask, 0), every(np.float32(1))
    memory, inflate, floor = splat(setting, 0), splat(setting, 1), splat(setting, 2)
    keep = where(chosen, splat(setting, 3), one)
    drift = where(chosen, splat(setting, 4), zero())
    shrink = where(chosen, splat(setting, 5), zero())
    at = 0
    for k in range(near.size // LANES):
        er, ei, was = load(spectrum[0], k * LANES), load(spectrum[1], k * LANES), load(near, k * LANES)
        power = fma(er, er, mul(ei, ei))
        now = fma(memory, sub(was, power), power)
        store(near, k * LANES, where(chosen, now, was))
        inverse = div(one, add(load(spectrum[2], k * LANES), fma(inflate, now, floor)))
        gr = where(chosen, mul(inverse, er), zero())
        gi = where(chosen, mul(inverse, ei), zero())
        less = mul(shrink, inverse)
        base = k * slots * 2 * LANES
        for p in range(places.size):
            x = base + places[p]
            xr, xi = load(spectra, x), load(spectra, x + LANES)
            wr, wi, variance = load(weights, at), load(weights, at + LANES), load(weights, at + 2 * LANES)
            size = fma(wr, wr, mul(wi, wi))
            strength = fma(xr, xr, mul(xi, xi))
            store(weights, at, fma(variance, fma(gr, xr, mul(gi, xi)), wr))
            store(weights, at + LANES, fma(variance, fnma(gr, xi, mul(gi, xr)), wi))
            left = mul(keep, fnma(mul(less, variance), strength, one))
            store(weights, at + 2 * LANES, fma(drift, size, mul(left, variance)))
            at += 3 * LANES


@njit(cache=True, nogil=True)
def trust_less(weights: Any, failed: Any, variance: float) -> None:
    """Raise the variances of the lanes in `failed` to at least `variance`, so that they learn anew."""
    chosen = load(failed, 0)
    for at in range(2 * LANES, weights.size, 3 * LANES):
        was = load(weights, at)
        store(weights, at, where(chosen, most(was, every(np.float32(variance))), was))
