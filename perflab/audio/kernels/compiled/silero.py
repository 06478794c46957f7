"""The compiled half of the batched Silero detector: a block of sessions at a time through all layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.dense import dense
from perflab.audio.kernels.compiled.simd import add, fma, load, mul, store, sub
from perflab.audio.kernels.compiled.simd_math import div, every, exp
from perflab.audio.kernels.compiled.spectra import magnitudes
from perflab.audio.kernels.lanes import LANES
from perflab.audio.kernels.silero_plan import BLOCK, FEATURES, FRAMES, PADDED, SPECTRA
from perflab.audio.kernels.silero_weights import BINS, CHUNK, CONTEXT, HIDDEN
from perflab.jit import njit

MOST = np.float32(1_000.0)  # beyond, a sample is no PCM of -1..1
ONE, TWO, NONE = np.float32(1), np.float32(2), np.float32(0)
SPLIT = np.float32(8193)  # 2^13 + 1: keeps 11 of 24 bits, as float16 has them (Veltkamp 1968)


@njit(cache=True, nogil=True)
def _sound(chunk: Any) -> bool:
    """Return whether all samples are finite and in range."""
    wrong = 0
    for value in chunk:
        wrong |= not abs(value) <= MOST
    return wrong == 0


@njit(cache=True, nogil=True)
def _pad(chunk: Any, previous: bool, context: Any, padded: Any) -> None:
    """Write the chunk with CONTEXT samples on both sides: what came before or a mirror image; a mirror image."""
    for at in range(CONTEXT):
        padded[at] = context[at] if previous else chunk[CONTEXT - at]
        padded[CONTEXT + CHUNK + at] = chunk[CHUNK - 2 - at]
        context[at] = chunk[CHUNK - CONTEXT + at]
    padded[CONTEXT : CONTEXT + CHUNK] = chunk


@njit(cache=True, nogil=True)
def _to_halves(values: Any) -> None:
    """Round to the precision of float16, as ggml's convolutions do; what is below its range keeps its size."""
    for at in range(values.size):
        large = values[at] * SPLIT
        values[at] = large - (large - values[at])


@njit(cache=True, nogil=True)
def _rectify(values: Any) -> None:
    for at in range(values.size):
        values[at] = max(values[at], NONE)


@njit(cache=True, nogil=True)
def _magnitudes(spectra: Any, count: int, heights: Any) -> None:
    """Write the sizes of the complex bins of each frame; `heights` holds a frame of zeros before and after them."""
    for session in range(count):
        for frame in range(FRAMES):
            row = spectra[(session * FRAMES + frame) * SPECTRA : (session * FRAMES + frame + 1) * SPECTRA]
            at = (session * (FRAMES + 2) + frame + 1) * BINS
            to = heights[at : at + BINS]
            for k in range(1, BINS - 1):
                to[k] = np.sqrt(row[k] * row[k] + row[BINS - 1 + k] * row[BINS - 1 + k])
            to[0], to[BINS - 1] = abs(row[0]), abs(row[BINS - 1])


@njit(cache=True, nogil=True, inline="always")
def _sigmoid(x: Any) -> Any:
    one = every(ONE)
    return div(one, add(one, exp(sub(every(NONE), x))))


@njit(cache=True, nogil=True, inline="always")
def _tanh(x: Any) -> Any:
    return sub(mul(every(TWO), _sigmoid(mul(every(TWO), x))), every(ONE))


@njit(cache=True, nogil=True)
def _remember(gates: Any, start: int, cell: Any, hidden: Any) -> None:
    """One step of the recurrent layer of one session: gates in, forget, cell, out, each [HIDDEN]."""
    for at in range(0, HIDDEN, LANES):
        enter, forget = _sigmoid(load(gates, start + at)), _sigmoid(load(gates, start + HIDDEN + at))
        new, leave = _tanh(load(gates, start + 2 * HIDDEN + at)), _sigmoid(load(gates, start + 3 * HIDDEN + at))
        kept = fma(forget, load(cell, at), mul(enter, new))
        store(cell, at, kept)
        store(hidden, at, mul(leave, _tanh(kept)))


@njit(cache=True, nogil=True)
def _layers(
    count: int, halves: bool, spectrum: Any, sizes: Any, tables: Any, biases: Any, depths: Any, starts: Any,
    places: Any, held: Any,
) -> None:  # fmt: skip
    """Take `count` padded chunks through the transform and the four convolutions to the features."""
    padded, spectra, heights, first, second, third, features, _gates = held
    if halves:
        _to_halves(padded[: count * PADDED])
        dense(padded, starts[0], count * FRAMES, tables[0], depths[0], biases[0], spectra, places[0])
        _magnitudes(spectra, count, heights)
        _to_halves(heights[: count * (FRAMES + 2) * BINS])
    else:
        magnitudes(padded, starts[0], count * FRAMES, spectrum, heights, sizes)
    dense(heights, starts[1], count * FRAMES, tables[1], depths[1], biases[1], first, places[1])
    _rectified(first, count, halves)
    dense(first, starts[2], count * 2, tables[2], depths[2], biases[2], second, places[2])
    _rectified(second, count, halves)
    dense(second, starts[3], count, tables[3], depths[3], biases[3], third, places[3])
    _rectified(third, count, halves)
    dense(third, starts[4], count, tables[4], depths[4], biases[4], features, places[4])


@njit(cache=True, nogil=True)
def _rectified(values: Any, count: int, halves: bool) -> None:
    used = values[: values.size // BLOCK * count]
    _rectify(used)
    if halves:
        _to_halves(used)


@njit(cache=True, nogil=True)
def _score(hidden: Any, last: Any, last_bias: float) -> Any:
    total = np.float32(last_bias)
    for at in range(HIDDEN):
        total += max(hidden[at], NONE) * last[at]
    return ONE / (ONE + np.exp(-total))


@njit(cache=True, nogil=True)
def detect(
    chunks: Any, active: Any, previous: bool, context: Any, hidden: Any, cell: Any, spectrum: Any, sizes: Any,
    tables: Any, biases: Any, depths: Any, starts: Any, places: Any, held: Any, last: Any, last_bias: float, out: Any,
) -> None:  # fmt: skip
    """Write the probability of speech of every active session into `out` float32 [sessions], and step its state.

    `sizes` to `places`: as SileroPlan lays them out for the spectra and for the tiles of `dense`.
    """
    padded, features, gates = held[0], held[6], held[7]
    chosen = np.empty(BLOCK, np.int64)
    session = 0
    while session < active.size:
        count = 0
        while session < active.size and count < BLOCK:
            out[session] = 0
            if active[session] and _sound(chunks[session]):
                _pad(chunks[session], previous, context[session], padded[count * PADDED : (count + 1) * PADDED])
                chosen[count] = session
                count += 1
            elif active[session]:
                out[session] = np.nan
            session += 1
        _layers(count, not previous, spectrum, sizes, tables, biases, depths, starts, places, held)
        for n in range(count):
            row = features[n * FEATURES : (n + 1) * FEATURES]
            _rectify(row[:HIDDEN])
            row[HIDDEN:] = hidden[chosen[n]]
        dense(features, starts[5], count, tables[5], depths[5], biases[5], gates, places[5])
        for n in range(count):
            one = chosen[n]
            _remember(gates, n * 4 * HIDDEN, cell[one], hidden[one])
            out[one] = _score(hidden[one], last, last_bias)
