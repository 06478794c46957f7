"""Real signals through the complex transform of half their length: even samples as real, odd as imaginary parts."""

from __future__ import annotations

from typing import Any

from perflab.audio.kernels.compiled.simd import add, fma, fnma, load, mul, splat, store, sub
from perflab.audio.kernels.lanes import LANES
from perflab.jit import njit


@njit(cache=True, nogil=True, inline="always")
def parted(re: Any, im: Any, at: Any, opposite: Any, turns: Any, k: Any) -> Any:
    """Return twice the real signal's frequencies k and half - k, from those of the halves at `at` and `opposite`."""
    ar, ai, br, bi = load(re, at), load(im, at), load(re, opposite), load(im, opposite)
    c, s = splat(turns, 2 * k), splat(turns, 2 * k + 1)
    odd_re, odd_im = add(ai, bi), sub(br, ar)
    turned_re, turned_im = fnma(s, odd_im, mul(c, odd_re)), fma(s, odd_re, mul(c, odd_im))
    even_re, even_im = add(ar, br), sub(ai, bi)
    return add(even_re, turned_re), add(even_im, turned_im), sub(even_re, turned_re), sub(turned_im, even_im)


@njit(cache=True, nogil=True)
def part(re: Any, im: Any, to_re: Any, to_im: Any, turns: Any) -> None:
    """Turn the transform of the halves (`re`, `im`: flat [half * LANES]) into TWICE the spectrum of the real signal.

    `to_re`, `to_im`: flat [(half + 1) * LANES]; `turns`: flat [half / 2 + 1, 2], cosine and sine of -pi k / half.
    Source: Press et al., Numerical Recipes, 12.3 (real functions).
    """
    half = re.size // LANES
    a, b = load(re, 0), load(im, 0)
    store(to_re, 0, add(add(a, b), add(a, b)))
    store(to_re, half * LANES, add(sub(a, b), sub(a, b)))
    store(to_im, 0, sub(a, a))
    store(to_im, half * LANES, sub(a, a))
    for k in range(1, half // 2 + 1):
        at, opposite = k * LANES, (half - k) * LANES
        here_re, here_im, there_re, there_im = parted(re, im, at, opposite, turns, k)
        store(to_re, at, here_re)
        store(to_im, at, here_im)
        store(to_re, opposite, there_re)
        store(to_im, opposite, there_im)


@njit(cache=True, nogil=True)
def join(re: Any, im: Any, to_re: Any, to_im: Any, turns: Any) -> None:
    """Undo `part`, so that a forward transform goes back: imaginary parts go to `to_re`, real parts to `to_im`.

    A forward transform with the planes exchanged is the inverse with the planes exchanged, times its length: even
    samples then lie in the imaginary plane, odd ones in the real plane, times 2 * half.
    """
    half = to_re.size // LANES
    a, b = load(re, 0), load(re, half * LANES)
    store(to_im, 0, add(a, b))
    store(to_re, 0, sub(a, b))
    for k in range(1, half // 2 + 1):
        at, opposite = k * LANES, (half - k) * LANES
        pr, pi, qr, qi = load(re, at), load(im, at), load(re, opposite), load(im, opposite)
        c, s = splat(turns, 2 * k), splat(turns, 2 * k + 1)
        turned_re, turned_im = sub(pr, qr), add(pi, qi)
        odd_re, odd_im = fma(s, turned_im, mul(c, turned_re)), fnma(s, turned_re, mul(c, turned_im))
        even_re, even_im = add(pr, qr), sub(pi, qi)
        store(to_im, at, sub(even_re, odd_im))
        store(to_re, at, add(even_im, odd_re))
        store(to_im, opposite, add(even_re, odd_im))
        store(to_re, opposite, sub(odd_re, even_im))
