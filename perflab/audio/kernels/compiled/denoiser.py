"""The compiled half of the denoiser: window, spectrum, noise and gain, overlap and add, a register of sessions each."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.fft import transform
from perflab.audio.kernels.compiled.groups import enter, leave, mask_of
from perflab.audio.kernels.compiled.real_fft import join, part
from perflab.audio.kernels.compiled.simd import add, fma, load, mul, splat, store, sub, zero
from perflab.audio.kernels.compiled.simd_math import div, every, exp, least, most, where
from perflab.audio.kernels.lanes import GROUP, LANES
from perflab.jit import njit


@njit(cache=True, nogil=True)
def _window(past: Any, work: Any, begin: int, half: int, planes: Any, window: Any) -> None:
    """Window 160 rows that were heard and 160 new ones; even rows go to the real, odd ones to the imaginary plane.

    `past`: flat [hop * LANES]; `work`: rows of GROUP, the new ones from `begin` on; `half`: 0 or LANES.
    """
    hop = past.size // LANES
    size = planes.size // 2
    flat = planes.reshape(planes.size)
    for t in range(0, hop, 2):
        for odd in range(2):
            row = t + odd
            at = odd * size + row // 2 * LANES
            store(flat, at, mul(splat(window, row), load(past, row * LANES)))
            new = load(work, (begin + row) * GROUP + half)
            store(flat, at + hop // 2 * LANES, mul(splat(window, hop + row), new))


@njit(cache=True, nogil=True)
def _keep(past: Any, work: Any, begin: int, half: int, mask: Any) -> None:
    """Keep the new rows as those that were heard, in the lanes of the mask."""
    chosen = load(mask, 0)
    for row in range(past.size // LANES):
        new = load(work, (begin + row) * GROUP + half)
        store(past, row * LANES, where(chosen, new, load(past, row * LANES)))


@njit(cache=True, nogil=True)
def _overlap(planes: Any, tail: Any, window: Any, mask: Any, made: Any, begin: int, half: int) -> None:
    """Window what came back, write its first half added to the tail, and keep its second half as the new tail.

    Even samples lie in the imaginary plane and odd ones in the real plane (see `join`).
    """
    chosen, hop = load(mask, 0), tail.size // LANES
    size = planes.size // 2
    flat = planes.reshape(planes.size)
    for t in range(0, hop, 2):
        for odd in range(2):
            row = t + odd
            at = (1 - odd) * size + row // 2 * LANES
            old = load(tail, row * LANES)
            store(made, (begin + row) * GROUP + half, fma(splat(window, row), load(flat, at), old))
            new = mul(splat(window, hop + row), load(flat, at + hop // 2 * LANES))
            store(tail, row * LANES, where(chosen, new, old))


@njit(cache=True, nogil=True)
def _suppress(re: Any, im: Any, noise: Any, presence: Any, speech: Any, learning: Any, mask: Any, setting: Any) -> None:
    """Track the noise, and scale every frequency of (`re`, `im`) by its gain; all flat [bins * LANES].

    `learning`: flat [2 * LANES]: the rate at which noise is learnt, one once there is a decision about speech (else
    zero), and the weight of the last gain's decision. `setting`: see Setting in the public half.
    """
    rate, decided, chosen = load(learning, 0), load(learning, LANES), load(mask, 0)
    one, prior, slope = every(np.float32(1)), splat(setting, 0), splat(setting, 1)
    keep, stuck, fade = splat(setting, 2), splat(setting, 3), splat(setting, 4)
    smallest, floor, quiet = splat(setting, 5), splat(setting, 6), splat(setting, 7)
    for at in range(0, re.size, LANES):
        xr, xi = load(re, at), load(im, at)
        power = fma(xr, xr, fma(xi, xi, quiet))
        was = load(noise, at)
        likely = div(one, fma(prior, exp(mul(slope, div(power, was))), one))
        mean = load(presence, at)
        mean = fma(keep, sub(mean, likely), likely)
        likely = mul(decided, where(sub(mean, stuck), least(likely, stuck), likely))
        now = fma(mul(rate, sub(one, likely)), sub(power, was), was)
        inverse = div(one, now)
        excess = most(fma(power, inverse, every(np.float32(-1))), zero())
        ratio = most(fma(fade, sub(mul(load(speech, at), inverse), excess), excess), smallest)
        gain = div(ratio, add(ratio, one))
        store(noise, at, where(chosen, now, was))
        store(presence, at, where(chosen, mul(decided, mean), load(presence, at)))
        store(speech, at, where(chosen, mul(mul(gain, gain), power), load(speech, at)))
        gain = most(gain, floor)
        store(re, at, mul(gain, xr))
        store(im, at, mul(gain, xi))


@njit(cache=True, nogil=True)
def _learn(age: Any, mask: Any, first_hops: float, rate: float, learning: Any) -> None:
    """Decide for each lane how fast it learns: a plain mean over the first hops, then with the chance of speech."""
    for lane in range(LANES):
        young = age[lane] < first_hops
        learning[lane] = 1 / (age[lane] + 1) if young else rate
        learning[LANES + lane] = 0 if young else 1
        age[lane] += mask[lane] * min(1.0, first_hops - age[lane])


@njit(cache=True, nogil=True)
def _denoise(
    begin: int, half: int, mask: Any, past: Any, tail: Any, noise: Any, presence: Any, speech: Any, age: Any, work: Any,
    made: Any, planes: Any, spectrum: Any, held: Any, learning: Any, windows: Any, twiddle: Any, order: Any, turns: Any,
    setting: Any,
) -> None:  # fmt: skip
    """Denoise one hop of one register, whose state is `past` to `age`."""
    size = order.size * LANES
    re, im = planes[1, 0].reshape(size), planes[1, 1].reshape(size)
    _window(past, work, begin, half, planes[0], windows[0])
    _keep(past, work, begin, half, mask)
    transform(planes[0], planes[1], held, twiddle, order)
    part(re, im, spectrum[0], spectrum[1], turns)
    _learn(age, mask, setting[8], setting[9], learning)
    _suppress(spectrum[0], spectrum[1], noise, presence, speech, learning, mask, setting)
    join(spectrum[0], spectrum[1], re, im, turns)
    transform(planes[1], planes[2], held, twiddle, order)
    _overlap(planes[2], tail, windows[1], mask, made, begin, half)


@njit(cache=True, nogil=True)
def suppress_groups(
    frames: Any, results: Any, active: Any, past: Any, tail: Any, noise: Any, presence: Any, speech: Any, age: Any,
    work: Any, made: Any, planes: Any, spectrum: Any, held: Any, lanes: Any, windows: Any, twiddle: Any, order: Any,
    turns: Any, setting: Any,
) -> None:  # fmt: skip
    """Denoise one frame of all groups; `frames` and `results` int16 [sessions, n], n a multiple of the hop.

    State, a row per register of sessions: `past` and `tail` [registers, hop * LANES], `noise`, `presence` and
    `speech` [registers, bins * LANES], `age` [registers, LANES]. Scratch, shared by all, so that it stays in the
    nearest caches: `work` and `made` flat [n * GROUP], `planes` [3, 2, 1, half, LANES], `spectrum` [2, bins * LANES],
    `held` and `order` as in `transform`, `lanes` flat [3 * LANES]. `windows`: of analysis and of synthesis.
    """
    sessions = active.size
    pcm, out = frames.reshape(frames.size), results.reshape(results.size)
    samples, hop = pcm.size // sessions, past.shape[1] // LANES
    mask, learning = lanes[:LANES], lanes[LANES:]
    for first in range(0, sessions, GROUP):
        count = min(GROUP, sessions - first)
        if active[first : first + count].any():
            enter(pcm, first, count, active, samples, work, 0)
            for half in range(0, GROUP, LANES):
                if first + half >= sessions or not active[first + half : first + half + LANES].any():
                    continue
                g = (first + half) // LANES
                mask_of(active, first + half, mask)
                for begin in range(0, samples, hop):
                    _denoise(begin, half, mask, past[g], tail[g], noise[g], presence[g], speech[g], age[g], work, made,
                             planes, spectrum, held, learning, windows, twiddle, order, turns, setting)  # fmt: skip
        leave(made, first, count, active, samples, out)
