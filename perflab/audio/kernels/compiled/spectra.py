"""How large the frequencies of many windows are: rows in, rows out, a register of windows at a time."""

from __future__ import annotations

from typing import Any

from perflab.audio.kernels.compiled.fft import transform
from perflab.audio.kernels.compiled.real_fft import parted
from perflab.audio.kernels.compiled.simd import add, fma, load, mul, store, sub
from perflab.audio.kernels.compiled.simd_math import root
from perflab.audio.kernels.compiled.transposing import SIDE, lanes_to_rows, windows_to_lanes
from perflab.audio.kernels.lanes import LANES
from perflab.jit import njit


@njit(cache=True, nogil=True)
def _enter(x: Any, starts: Any, row: int, window: Any, even: Any, odd: Any) -> None:
    """Bring the windows of LANES rows from `row` on into lanes: even samples to one plane, odd ones to the other."""
    for side in range(0, LANES // SIDE * SIDE, SIDE):
        for at in range(0, window.size, SIDE):
            windows_to_lanes(x, starts, row + side, at, window, even, odd, at // 2 * LANES + side, LANES)
    for lane in range(LANES // SIDE * SIDE, LANES):  # processors whose registers are narrower than eight
        for at in range(0, window.size, 2):
            even[at // 2 * LANES + lane] = x[starts[row + lane] + at] * window[at]
            odd[at // 2 * LANES + lane] = x[starts[row + lane] + at + 1] * window[at + 1]


@njit(cache=True, nogil=True, inline="always")
def _size(re: Any, im: Any) -> Any:
    return root(fma(re, re, mul(im, im)))


@njit(cache=True, nogil=True)
def _sizes(re: Any, im: Any, turns: Any, sizes: Any) -> None:
    """Write twice the sizes of the real signal's frequencies from the transform of its halves (see `real_fft.part`)."""
    half = re.size // LANES
    a, b = load(re, 0), load(im, 0)
    low, high = add(add(a, b), add(a, b)), add(sub(a, b), sub(a, b))
    store(sizes, 0, root(mul(low, low)))
    store(sizes, half * LANES, root(mul(high, high)))
    for k in range(1, half // 2 + 1):
        at, opposite = k * LANES, (half - k) * LANES
        here_re, here_im, there_re, there_im = parted(re, im, at, opposite, turns, k)
        store(sizes, at, _size(here_re, here_im))
        store(sizes, opposite, _size(there_re, there_im))


@njit(cache=True, nogil=True)
def _leave(sizes: Any, bins: int, out: Any, places: Any, row: int) -> None:
    whole = bins // SIDE * SIDE
    for side in range(0, LANES // SIDE * SIDE, SIDE):
        for k in range(0, whole, SIDE):
            lanes_to_rows(sizes, k * LANES + side, LANES, out, places, row + side, k)
    for lane in range(LANES):
        for k in range(whole if lane < LANES // SIDE * SIDE else 0, bins):
            out[places[row + lane] + k] = sizes[k * LANES + lane]


@njit(cache=True, nogil=True)
def magnitudes(x: Any, starts: Any, rows: int, spectrum: Any, out: Any, places: Any) -> None:
    """Write the sizes of the frequencies of `rows` windows: row r is read from starts[r] on, written from places[r] on.

    `x`, `out`: flat float32; `spectrum`: as `real_tables.spectrum` makes it. Whole registers of rows: `starts` and
    `places` go on to a multiple of LANES, and what they name there is read and written too.
    """
    window, twiddle, order, turns, held, planes, made, sizes = spectrum
    half = order.size
    even, odd = planes[0, 0].reshape(half * LANES), planes[1, 0].reshape(half * LANES)
    re, im = made[0, 0].reshape(half * LANES), made[1, 0].reshape(half * LANES)
    for row in range(0, rows, LANES):
        _enter(x, starts, row, window, even, odd)
        transform(planes, made, held, twiddle, order)
        _sizes(re, im, turns, sizes)
        _leave(sizes, half + 1, out, places, row)
