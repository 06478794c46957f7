"""The compiled half of the batched Fourier transform: radix four in place, one lane per transform."""

from __future__ import annotations

from typing import Any

from numba import njit

from perflab.audio.kernels.compiled.simd import add, fma, fnma, load, mul, splat, store, sub
from perflab.audio.kernels.lanes import LANES


@njit(cache=True, nogil=True, inline="always")
def _butterfly(re: Any, im: Any, at: Any, apart: Any) -> Any:
    """Return the four-point transform of the rows at `at`, `apart` apart."""
    ar, ai, br, bi = load(re, at), load(im, at), load(re, at + apart), load(im, at + apart)
    at += 2 * apart
    cr, ci, dr, di = load(re, at), load(im, at), load(re, at + apart), load(im, at + apart)
    er, ei, fr, fi = add(ar, cr), add(ai, ci), sub(ar, cr), sub(ai, ci)
    gr, gi, hr, hi = add(br, dr), add(bi, di), sub(br, dr), sub(bi, di)
    return (add(er, gr), add(ei, gi), add(fr, hi), sub(fi, hr), sub(er, gr), sub(ei, gi), sub(fr, hi), add(fi, hr))


@njit(cache=True, nogil=True, inline="always")
def _turn(re: Any, im: Any, at: Any, xr: Any, xi: Any, twiddle: Any, t: Any) -> None:
    """Write (xr + i xi) times the twiddle at `t` (cosine, sine)."""
    c, s = splat(twiddle, t), splat(twiddle, t + 1)
    store(re, at, fnma(xi, s, mul(xr, c)))
    store(im, at, fma(xr, s, mul(xi, c)))


@njit(cache=True, nogil=True)
def _pass(re: Any, im: Any, to_re: Any, to_im: Any, points: int, length: int, twiddle: Any) -> None:
    """One pass over blocks of `length` points, in place or into other planes; the first point needs no twiddle.

    `twiddle`: flat [length / 4, 6], for k = 1, 2, 3 cosine and sine of -2 pi k p / length.
    """
    apart = length // 4 * LANES
    for p in range(length // 4):
        for at in range(p * LANES, points * LANES, length * LANES):
            ar, ai, br, bi, cr, ci, dr, di = _butterfly(re, im, at, apart)
            store(to_re, at, ar)
            store(to_im, at, ai)
            if p == 0:
                store(to_re, at + apart, br)
                store(to_im, at + apart, bi)
                store(to_re, at + 2 * apart, cr)
                store(to_im, at + 2 * apart, ci)
                store(to_re, at + 3 * apart, dr)
                store(to_im, at + 3 * apart, di)
            else:
                _turn(to_re, to_im, at + apart, br, bi, twiddle, 6 * p)
                _turn(to_re, to_im, at + 2 * apart, cr, ci, twiddle, 6 * p + 2)
                _turn(to_re, to_im, at + 3 * apart, dr, di, twiddle, 6 * p + 4)


@njit(cache=True, nogil=True)
def _last4(re: Any, im: Any, to_re: Any, to_im: Any, points: int, order: Any) -> None:
    """The last pass: blocks of four points, in the order of the frequencies that they make.

    What is written then goes on from row to row, and what is read in leaps lies in the nearest cache; the other way
    round each line of the result is fetched twice where a register is half of it.
    """
    quarter = points // 4 * LANES
    for frequency in range(points // 4):
        to = frequency * LANES
        ar, ai, br, bi, cr, ci, dr, di = _butterfly(re, im, order[frequency] * LANES, LANES)
        store(to_re, to, ar)
        store(to_im, to, ai)
        to += quarter
        store(to_re, to, br)
        store(to_im, to, bi)
        to += quarter
        store(to_re, to, cr)
        store(to_im, to, ci)
        to += quarter
        store(to_re, to, dr)
        store(to_im, to, di)


@njit(cache=True, nogil=True)
def _last2(re: Any, im: Any, to_re: Any, to_im: Any, points: int, order: Any) -> None:
    """The last pass of an odd power of two: blocks of two points."""
    for frequency in range(points // 2):
        at, to = order[frequency] * LANES, frequency * LANES
        ar, ai, br, bi = load(re, at), load(im, at), load(re, at + LANES), load(im, at + LANES)
        store(to_re, to, add(ar, br))
        store(to_im, to, add(ai, bi))
        store(to_re, to + points // 2 * LANES, sub(ar, br))
        store(to_im, to + points // 2 * LANES, sub(ai, bi))


@njit(cache=True, nogil=True)
def transform(planes: Any, out: Any, held: Any, twiddle: Any, order: Any) -> None:
    """Transform all groups: `planes` and `out` [2, groups, points, LANES]; `held` is scratch for two planes of one.

    `order`: int64 [points], where each frequency lies after the passes in place. The scratch is all that the inner
    passes touch, so that they stay in the nearest cache.
    """
    points, size = order.size, order.size * LANES
    held_re, held_im = held[:size], held[held.size - size :]
    for group in range(planes.shape[1]):
        from_re, from_im = planes[0, group].reshape(size), planes[1, group].reshape(size)
        last_re, last_im = out[0, group].reshape(size), out[1, group].reshape(size)
        length, at = points, 0
        while length > 4:
            _pass(from_re, from_im, held_re, held_im, points, length, twiddle[at:])
            from_re, from_im = held_re, held_im
            at += 6 * (length // 4)
            length //= 4
        if length == 4:
            _last4(from_re, from_im, last_re, last_im, points, order)
        else:
            _last2(from_re, from_im, last_re, last_im, points, order)
