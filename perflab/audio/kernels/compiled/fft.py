"""The compiled half of the batched Fourier transform: radix eight in place, one lane per transform.

Eight and not four: every pass reads and writes all that there is, and 256 points take three passes instead of four.
Sixteen points at once would not fit the registers.
"""

from __future__ import annotations

from typing import Any

from perflab.audio.kernels.compiled.simd import add, fma, fnma, load, mul, splat, store, sub
from perflab.audio.kernels.lanes import LANES
from perflab.jit import njit


@njit(cache=True, nogil=True, inline="always")
def _four(ar: Any, ai: Any, br: Any, bi: Any, cr: Any, ci: Any, dr: Any, di: Any) -> Any:
    """Return the four-point transform of a, b, c, d: real and imaginary part of each."""
    er, ei, fr, fi = add(ar, cr), add(ai, ci), sub(ar, cr), sub(ai, ci)
    gr, gi, hr, hi = add(br, dr), add(bi, di), sub(br, dr), sub(bi, di)
    return (add(er, gr), add(ei, gi), add(fr, hi), sub(fi, hr), sub(er, gr), sub(ei, gi), sub(fr, hi), add(fi, hr))


@njit(cache=True, nogil=True, inline="always")
def _load4(re: Any, im: Any, at: Any, apart: Any) -> Any:
    """Return the four-point transform of the rows at `at`, `apart` apart."""
    b, c, d = at + apart, at + 2 * apart, at + 3 * apart
    return _four(load(re, at), load(im, at), load(re, b), load(im, b),
                 load(re, c), load(im, c), load(re, d), load(im, d))  # fmt: skip


@njit(cache=True, nogil=True, inline="always")
def _pair(re: Any, im: Any, at: Any, apart: Any) -> Any:
    """Return sum and difference of the rows at `at` and `apart` behind it."""
    xr, xi, yr, yi = load(re, at), load(im, at), load(re, at + apart), load(im, at + apart)
    return add(xr, yr), add(xi, yi), sub(xr, yr), sub(xi, yi)


@njit(cache=True, nogil=True, inline="always")
def _load8(re: Any, im: Any, at: Any, apart: Any, root: Any) -> Any:
    """Return the eight-point transform of the rows at `at`, `apart` apart; `root` holds the root of a half.

    The sums of the pairs make the even frequencies; their differences times (1 - i) root, -i and -(1 + i) root the odd.
    """
    ar, ai, er, ei = _pair(re, im, at, 4 * apart)
    br, bi, fr, fi = _pair(re, im, at + apart, 4 * apart)
    cr, ci, gr, gi = _pair(re, im, at + 2 * apart, 4 * apart)
    dr, di, hr, hi = _pair(re, im, at + 3 * apart, 4 * apart)
    y0r, y0i, y2r, y2i, y4r, y4i, y6r, y6i = _four(ar, ai, br, bi, cr, ci, dr, di)
    fr, fi = mul(add(fr, fi), root), mul(sub(fi, fr), root)
    hr, hi = mul(sub(hi, hr), root), mul(add(hr, hi), root)  # the imaginary part with its sign turned
    ar, ai, cr, ci = add(er, gi), sub(ei, gr), sub(er, gi), add(ei, gr)
    br, bi, dr, di = add(fr, hr), sub(fi, hi), sub(fr, hr), add(fi, hi)
    return (y0r, y0i, add(ar, br), add(ai, bi), y2r, y2i, add(cr, di), sub(ci, dr),
            y4r, y4i, sub(ar, br), sub(ai, bi), y6r, y6i, sub(cr, di), add(ci, dr))  # fmt: skip


@njit(cache=True, nogil=True, inline="always")
def _put(re: Any, im: Any, at: Any, xr: Any, xi: Any) -> None:
    store(re, at, xr)
    store(im, at, xi)


@njit(cache=True, nogil=True, inline="always")
def _turn(re: Any, im: Any, at: Any, xr: Any, xi: Any, twiddle: Any, t: Any) -> None:
    """Write (xr + i xi) times the twiddle at `t` (cosine, sine)."""
    c, s = splat(twiddle, t), splat(twiddle, t + 1)
    _put(re, im, at, fnma(xi, s, mul(xr, c)), fma(xr, s, mul(xi, c)))


@njit(cache=True, nogil=True)
def _pass(re: Any, im: Any, to_re: Any, to_im: Any, points: int, length: int, twiddle: Any, root: Any) -> None:
    """One pass over blocks of `length` points, in place or into other planes; the first point needs no twiddle.

    `twiddle`: flat [length / 8, 14], for k = 1 to 7 cosine and sine of -2 pi k p / length.
    """
    apart, half = length // 8 * LANES, splat(root, 0)
    for p in range(length // 8):
        for at in range(p * LANES, points * LANES, length * LANES):
            ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi = _load8(re, im, at, apart, half)
            _put(to_re, to_im, at, ar, ai)
            if p == 0:
                _put(to_re, to_im, at + apart, br, bi)
                _put(to_re, to_im, at + 2 * apart, cr, ci)
                _put(to_re, to_im, at + 3 * apart, dr, di)
                _put(to_re, to_im, at + 4 * apart, er, ei)
                _put(to_re, to_im, at + 5 * apart, fr, fi)
                _put(to_re, to_im, at + 6 * apart, gr, gi)
                _put(to_re, to_im, at + 7 * apart, hr, hi)
            else:
                _turn(to_re, to_im, at + apart, br, bi, twiddle, 14 * p)
                _turn(to_re, to_im, at + 2 * apart, cr, ci, twiddle, 14 * p + 2)
                _turn(to_re, to_im, at + 3 * apart, dr, di, twiddle, 14 * p + 4)
                _turn(to_re, to_im, at + 4 * apart, er, ei, twiddle, 14 * p + 6)
                _turn(to_re, to_im, at + 5 * apart, fr, fi, twiddle, 14 * p + 8)
                _turn(to_re, to_im, at + 6 * apart, gr, gi, twiddle, 14 * p + 10)
                _turn(to_re, to_im, at + 7 * apart, hr, hi, twiddle, 14 * p + 12)


@njit(cache=True, nogil=True)
def _last8(re: Any, im: Any, to_re: Any, to_im: Any, points: int, order: Any, root: Any) -> None:
    """The last pass: blocks of eight points, in the order of the frequencies that they make.

    What is written then goes on from row to row, and what is read in leaps lies in the nearest cache; the other way
    round each line of the result is fetched twice where a register is half of it.
    """
    apart, half = points // 8 * LANES, splat(root, 0)
    for frequency in range(points // 8):
        to = frequency * LANES
        y = _load8(re, im, order[frequency] * LANES, LANES, half)
        ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi = y
        _put(to_re, to_im, to, ar, ai)
        _put(to_re, to_im, to + apart, br, bi)
        _put(to_re, to_im, to + 2 * apart, cr, ci)
        _put(to_re, to_im, to + 3 * apart, dr, di)
        _put(to_re, to_im, to + 4 * apart, er, ei)
        _put(to_re, to_im, to + 5 * apart, fr, fi)
        _put(to_re, to_im, to + 6 * apart, gr, gi)
        _put(to_re, to_im, to + 7 * apart, hr, hi)


@njit(cache=True, nogil=True)
def _last4(re: Any, im: Any, to_re: Any, to_im: Any, points: int, order: Any) -> None:
    """The last pass where blocks of four points are left."""
    apart = points // 4 * LANES
    for frequency in range(points // 4):
        to = frequency * LANES
        ar, ai, br, bi, cr, ci, dr, di = _load4(re, im, order[frequency] * LANES, LANES)
        _put(to_re, to_im, to, ar, ai)
        _put(to_re, to_im, to + apart, br, bi)
        _put(to_re, to_im, to + 2 * apart, cr, ci)
        _put(to_re, to_im, to + 3 * apart, dr, di)


@njit(cache=True, nogil=True)
def _last2(re: Any, im: Any, to_re: Any, to_im: Any, points: int, order: Any) -> None:
    """The last pass where blocks of two points are left."""
    for frequency in range(points // 2):
        to = frequency * LANES
        ar, ai, br, bi = _pair(re, im, order[frequency] * LANES, LANES)
        _put(to_re, to_im, to, ar, ai)
        _put(to_re, to_im, to + points // 2 * LANES, br, bi)


@njit(cache=True, nogil=True)
def transform(planes: Any, out: Any, held: Any, twiddle: Any, order: Any) -> None:
    """Transform all groups: `planes` and `out` [2, groups, points, LANES]; `held` is scratch for two planes of one.

    `twiddle`: the root of a half, then the tables of the passes. `order`: int64 [points], where each frequency lies
    after the passes in place. The scratch is all that the inner passes touch, so that they stay in the nearest cache.
    """
    points, size = order.size, order.size * LANES
    held_re, held_im = held[:size], held[held.size - size :]
    for group in range(planes.shape[1]):
        from_re, from_im = planes[0, group].reshape(size), planes[1, group].reshape(size)
        last_re, last_im = out[0, group].reshape(size), out[1, group].reshape(size)
        length, at = points, 1
        while length > 8:
            _pass(from_re, from_im, held_re, held_im, points, length, twiddle[at:], twiddle)
            from_re, from_im = held_re, held_im
            at += 14 * (length // 8)
            length //= 8
        if length == 8:
            _last8(from_re, from_im, last_re, last_im, points, order, twiddle)
        elif length == 4:
            _last4(from_re, from_im, last_re, last_im, points, order)
        else:
            _last2(from_re, from_im, last_re, last_im, points, order)
