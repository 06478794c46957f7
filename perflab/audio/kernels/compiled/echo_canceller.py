"""The compiled half of the echo canceller: a register of sessions at a time, one block of 160 samples after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.fft import transform
from perflab.audio.kernels.compiled.groups import enter, leave, mask_of
from perflab.audio.kernels.compiled.kalman_gain import adapt, predict, trust_less
from perflab.audio.kernels.compiled.real_fft import join, part
from perflab.audio.kernels.compiled.simd import fma, load, mul, store, sub, zero
from perflab.audio.kernels.compiled.simd_math import every, where
from perflab.audio.kernels.lanes import GROUP, LANES
from perflab.jit import njit


@njit(cache=True, nogil=True)
def _hear(past: Any, work: Any, begin: int, half: int, block: int, mask: Any, planes: Any) -> None:
    """Write what was played, the newest block last, to the planes (halved, for `part` doubles), and keep its end.

    `past`: flat [kept * LANES]; `work`: rows of GROUP, the new block from `begin` on; `half`: 0 or LANES.
    """
    kept, chosen, scale = past.size // LANES, load(mask, 0), every(np.float32(0.5))
    size = planes.size // 2
    flat = planes.reshape(planes.size)
    for row in range(kept):
        store(flat, row % 2 * size + row // 2 * LANES, mul(scale, load(past, row * LANES)))
    for row in range(block):
        new = load(work, (begin + row) * GROUP + half)
        store(flat, row % 2 * size + (kept + row) // 2 * LANES, mul(scale, new))
    for row in range(kept):
        later = row + block
        new = load(past, later * LANES) if later < kept else load(work, (begin + later - kept) * GROUP + half)
        store(past, row * LANES, where(chosen, new, load(past, row * LANES)))


@njit(cache=True, nogil=True)
def _remember(re: Any, im: Any, spectra: Any, slots: int, newest: int, mask: Any, mixed: bool) -> None:
    """Write a spectrum into the ring [bins, slots, 2 * LANES]; a lane that is idle keeps its spectra in their order.

    The ring turns by one place for all lanes; in a lane that is idle everything moves by one place instead.
    """
    chosen, width = load(mask, 0), slots * 2 * LANES
    for k in range(re.size // LANES):
        for plane in range(2):
            base = k * width + plane * LANES
            new = load(im, k * LANES) if plane else load(re, k * LANES)
            if mixed:
                wrapped, at = load(spectra, base), base
                for _ in range(slots - 1):
                    store(spectra, at, where(chosen, load(spectra, at), load(spectra, at + 2 * LANES)))
                    at += 2 * LANES
                store(spectra, at, where(chosen, load(spectra, at), wrapped))
                new = where(chosen, new, load(spectra, base + newest * 2 * LANES))
            store(spectra, base + newest * 2 * LANES, new)


@njit(cache=True, nogil=True)
def _subtract(planes: Any, mic: Any, begin: int, half: int, block: int, made: Any, error: Any, energies: Any) -> None:
    """Write microphone minus echo as result and as input of the next transform, and smooth both energies.

    Even samples of the echo lie in the imaginary plane, odd ones in the real plane, times the transform's length.
    """
    size = planes.size // 2
    flat, into = planes.reshape(planes.size), error.reshape(error.size)
    points = 2 * size // LANES
    scale, first = every(np.float32(1 / points)), points - block
    left, heard = zero(), zero()
    for row in range(block):
        at = (first + row) // 2 * LANES
        near = load(mic, (begin + row) * GROUP + half)
        rest = sub(near, mul(scale, load(flat, (1 - row % 2) * size + at)))
        store(made, (begin + row) * GROUP + half, rest)
        store(into, row % 2 * size + at, mul(every(np.float32(0.5)), rest))
        left, heard = fma(rest, rest, left), fma(near, near, heard)
    store(energies, 0, left)
    store(energies, LANES, heard)


@njit(cache=True, nogil=True)
def _shorten(
    weights: Any, partitions: int, which: int, taps: int, mask: Any, spectrum: Any, planes: Any, held: Any,
    twiddle: Any, order: Any, turns: Any,
) -> None:  # fmt: skip
    """Take from partition `which` all that lies beyond its `taps` samples: what wrapped round in the spectrum."""
    chosen, size = load(mask, 0), order.size * LANES
    re, im = planes[0, 0].reshape(size), planes[0, 1].reshape(size)
    for k in range(order.size + 1):
        at = (k * partitions + which) * 3 * LANES
        store(spectrum[0], k * LANES, load(weights, at))
        store(spectrum[1], k * LANES, load(weights, at + LANES))
    join(spectrum[0], spectrum[1], re, im, turns)
    transform(planes[0], planes[1], held, twiddle, order)
    odd, even = planes[1, 0].reshape(size), planes[1, 1].reshape(size)
    scale = every(np.float32(0.25 / order.size))
    for row in range(order.size):
        live = scale if 2 * row < taps else zero()
        store(re, row * LANES, mul(live, load(even, row * LANES)))
        store(im, row * LANES, mul(live, load(odd, row * LANES)))
    transform(planes[0], planes[1], held, twiddle, order)
    part(odd, even, spectrum[0], spectrum[1], turns)
    for k in range(order.size + 1):
        at = (k * partitions + which) * 3 * LANES
        store(weights, at, where(chosen, load(spectrum[0], k * LANES), load(weights, at)))
        store(weights, at + LANES, where(chosen, load(spectrum[1], k * LANES), load(weights, at + LANES)))


@njit(cache=True, nogil=True)
def _judge(smooth: Any, energies: Any, mask: Any, memory: float, worse: float) -> bool:
    """Smooth both energies; a lane that gives back more than it got is marked in `energies`. Return if there is one.

    `smooth`: flat [2 * LANES], state. A near-end talker cannot do this, only a filter that fits no more.
    """
    any_worse = False
    for lane in range(LANES):
        for at in (lane, LANES + lane):
            new = memory * smooth[at] + (1 - memory) * energies[at]
            smooth[at] = new if mask[lane] > 0 else smooth[at]
        failed = mask[lane] > 0 and smooth[lane] > worse * smooth[LANES + lane] + 1
        energies[lane] = 1 if failed else 0
        if failed:
            smooth[lane] = 0
            any_worse = True
    return any_worse


@njit(cache=True, nogil=True)
def _cancel(
    begin: int, half: int, turn: int, block: int, taps: int, shortened: int, mask: Any, mixed: bool, newest: Any,
    past: Any, spectra: Any, weights: Any, near: Any, smooth: Any, heard: Any, played: Any, made: Any, planes: Any,
    error: Any, spectrum: Any, held: Any, energies: Any, places: Any, twiddle: Any, order: Any, turns: Any,
    setting: Any,
) -> None:  # fmt: skip
    """Cancel the echo in one block of one register, whose state is `newest` [1] and `past` to `smooth`."""
    partitions, step, size = places.size, taps // block, order.size * LANES
    slots = step * (partitions - 1) + 1
    re, im = planes[1, 0].reshape(size), planes[1, 1].reshape(size)
    newest[0] = (newest[0] - 1) % slots
    for p in range(partitions):
        places[p] = (newest[0] + p * step) % slots * 2 * LANES
    _hear(past, played, begin, half, block, mask, planes[0])
    transform(planes[0], planes[1], held, twiddle, order)
    part(re, im, spectrum[0], spectrum[1], turns)
    _remember(spectrum[0], spectrum[1], spectra, slots, newest[0], mask, mixed)
    predict(weights, spectra, places, slots, spectrum)
    join(spectrum[0], spectrum[1], re, im, turns)
    transform(planes[1], planes[2], held, twiddle, order)
    _subtract(planes[2], heard, begin, half, block, made, error, energies)
    transform(error, planes[1], held, twiddle, order)
    part(re, im, spectrum[0], spectrum[1], turns)
    adapt(weights, spectra, places, slots, spectrum, near, mask, setting)
    for k in range(shortened):
        which = (turn * shortened + k) % partitions
        _shorten(weights, partitions, which, taps, mask, spectrum, planes[1:], held, twiddle, order, turns)
    if _judge(smooth, energies, mask, setting[6], setting[7]):
        trust_less(weights, energies, setting[8])


@njit(cache=True, nogil=True)
def cancel_groups(
    mics: Any, fars: Any, results: Any, active: Any, turn: int, newest: Any, past: Any, spectra: Any, weights: Any,
    near: Any, smooth: Any, heard: Any, played: Any, made: Any, planes: Any, error: Any, spectrum: Any, held: Any,
    lanes: Any, places: Any, twiddle: Any, order: Any, turns: Any, setting: Any, block: int, taps: int, shortened: int,
) -> None:  # fmt: skip
    """Cancel the echo in one frame of all groups; `mics`, `fars` and `results` int16 [sessions, n].

    State, a row per register of sessions: `past` [registers, kept * LANES]; `spectra` [registers, bins * slots * 2 *
    LANES], a ring whose latest slot is in `newest` [registers]; `weights` [registers, bins * partitions * 3 * LANES]:
    real part, imaginary part, variance; `near` [registers, bins * LANES]; `smooth` [registers, 2 * LANES]. The rest
    is scratch and tables, `held` and `order` as in `transform`. `turn` counts blocks and says which `shortened`
    partitions are cut to their length next.
    """
    sessions, samples = active.size, mics.size // active.size
    mask, energies = lanes[:LANES], lanes[LANES : 3 * LANES]
    mic, far, out = mics.reshape(mics.size), fars.reshape(fars.size), results.reshape(results.size)
    for first in range(0, sessions, GROUP):
        count = min(GROUP, sessions - first)
        if active[first : first + count].any():
            enter(mic, first, count, active, samples, heard, 0)
            enter(far, first, count, active, samples, played, 0)
            for half in range(0, GROUP, LANES):
                if first + half >= sessions or not active[first + half : first + half + LANES].any():
                    continue
                g, mixed = (first + half) // LANES, mask_of(active, first + half, mask)
                for begin in range(0, samples, block):
                    _cancel(begin, half, turn + begin // block, block, taps, shortened, mask, mixed,
                            newest[g : g + 1], past[g], spectra[g], weights[g], near[g], smooth[g], heard, played,
                            made, planes, error, spectrum, held, energies, places, twiddle, order, turns,
                            setting)  # fmt: skip
        leave(made, first, count, active, samples, out)
