"""The GPU's half of the Silero detector; to be imported only where numba.cuda can run.

Without Python's min and max: the target for CUDA that numba itself carries (0.68) cannot compile them.
"""

from __future__ import annotations

import math
from typing import Any

from numba import cuda as _cuda
from numba import float32, int32

from perflab.audio.kernels.silero_plan import FEATURES, FRAMES, NARROW, PADDED, SPECTRA
from perflab.audio.kernels.silero_weights import BINS, CHUNK, CONTEXT, HIDDEN, HOP

cuda: Any = _cuda  # numba's simulator puts its own in the place of this global
THREADS = 128
MOST = 1_000.0  # beyond, a sample is no PCM of -1..1
STEEP = 80.0  # beyond, a sigmoid is 0 or 1 in float32, and its exponential would overflow
ROWS_WITH_PADDING = FRAMES + 2
# Sizes of shared arrays: names, because the compiler takes no expression for a constant.
SPECTRA_SIZE, HEIGHTS_SIZE = FRAMES * SPECTRA, ROWS_WITH_PADDING * BINS
FIRST_SIZE, SECOND_SIZE, GATES_SIZE = (FRAMES + 1) * HIDDEN, 2 * NARROW, 4 * HIDDEN


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _product(values: Any, start: int, apart: int, rows: int, table: Any, bias: Any, out: Any, at: int) -> None:
    """Write `rows` rows of table [depth, outputs] times a stretch of `values`, one output per thread and turn."""
    outputs = table.shape[1]
    for job in range(cuda.threadIdx.x, rows * outputs, THREADS):
        row, output = job // outputs, job % outputs
        begin, total = start + row * apart, bias[output]
        for k in range(table.shape[0]):
            total += table[k, output] * values[begin + k]
        out[at + job] = total
    cuda.syncthreads()


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _positive(x: Any) -> Any:
    return x if x > float32(0) else float32(0)


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _rectify(values: Any, start: int, count: int) -> None:
    for at in range(start + cuda.threadIdx.x, start + count, THREADS):
        values[at] = _positive(values[at])
    cuda.syncthreads()


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _sigmoid(x: Any) -> Any:
    x = float32(-STEEP) if x < float32(-STEEP) else x
    x = float32(STEEP) if x > float32(STEEP) else x
    return float32(1) / (float32(1) + math.exp(-x))


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _pad(chunk: Any, context: Any, padded: Any) -> None:
    """Write the chunk between the end of the last one and its own mirror image; keep its end for the next."""
    thread = cuda.threadIdx.x
    for at in range(thread, CHUNK, THREADS):
        padded[CONTEXT + at] = chunk[at]
    for at in range(thread, CONTEXT, THREADS):
        padded[at] = context[at]
        padded[CONTEXT + CHUNK + at] = chunk[CHUNK - 2 - at]
        context[at] = chunk[CHUNK - CONTEXT + at]
    cuda.syncthreads()


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _magnitudes(spectra: Any, heights: Any) -> None:
    """Write the sizes of the complex bins of each frame; a frame of zeros stands before and after them."""
    for job in range(cuda.threadIdx.x, ROWS_WITH_PADDING * BINS, THREADS):
        row, k = job // BINS - 1, job % BINS
        value = float32(0)
        if 0 <= row < FRAMES:
            real = spectra[row * SPECTRA + k]
            imaginary = spectra[row * SPECTRA + BINS - 1 + k] if 0 < k < BINS - 1 else float32(0)
            value = float32(math.sqrt(real * real + imaginary * imaginary))
        heights[job] = value
    cuda.syncthreads()


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _remember(gates: Any, cell: Any, hidden: Any) -> None:
    """One step of the recurrent layer: gates in, forget, cell, out, each [HIDDEN]."""
    for at in range(cuda.threadIdx.x, HIDDEN, THREADS):
        enter, forget = _sigmoid(gates[at]), _sigmoid(gates[HIDDEN + at])
        kept = forget * cell[at] + enter * math.tanh(gates[2 * HIDDEN + at])
        cell[at] = kept
        hidden[at] = _sigmoid(gates[3 * HIDDEN + at]) * math.tanh(kept)
    cuda.syncthreads()


@cuda.jit  # type: ignore[untyped-decorator]
def detect(
    chunks: Any, active: Any, basis: Any, table1: Any, table2: Any, table3: Any, table4: Any, table5: Any, bias0: Any,
    bias1: Any, bias2: Any, bias3: Any, bias4: Any, bias5: Any, last: Any, context: Any, hidden: Any, cell: Any,
    out: Any,
) -> None:  # fmt: skip
    """Take one chunk of one session, a block of threads, through all layers; `last` ends in its bias."""
    session, thread = cuda.blockIdx.x, cuda.threadIdx.x
    padded = cuda.shared.array(PADDED, float32)  # one a line: the simulator tells shared arrays apart by their lines
    spectra = cuda.shared.array(SPECTRA_SIZE, float32)
    heights = cuda.shared.array(HEIGHTS_SIZE, float32)
    first = cuda.shared.array(FIRST_SIZE, float32)
    second = cuda.shared.array(SECOND_SIZE, float32)
    third = cuda.shared.array(NARROW, float32)
    features = cuda.shared.array(FEATURES, float32)
    gates = cuda.shared.array(GATES_SIZE, float32)
    if not active[session]:
        if thread == 0:
            out[session] = float32(0)
        return
    wrong = 0
    for at in range(thread, CHUNK, THREADS):
        wrong |= not abs(chunks[session, at]) <= MOST
    if cuda.syncthreads_or(int32(wrong)):
        if thread == 0:
            out[session] = float32(math.nan)
        return
    _pad(chunks[session], context[session], padded)
    _product(padded, 0, HOP, FRAMES, basis, bias0, spectra, 0)
    _magnitudes(spectra, heights)
    for at in range(thread, HIDDEN, THREADS):
        first[at] = float32(0)
        features[HIDDEN + at] = hidden[session, at]
    _product(heights, 0, BINS, FRAMES, table1, bias1, first, HIDDEN)
    _rectify(first, HIDDEN, FRAMES * HIDDEN)
    _product(first, 0, 2 * HIDDEN, 2, table2, bias2, second, 0)
    _rectify(second, 0, 2 * NARROW)
    _product(second, 0, 0, 1, table3, bias3, third, 0)
    _rectify(third, 0, NARROW)
    _product(third, 0, 0, 1, table4, bias4, features, 0)
    _rectify(features, 0, HIDDEN)
    _product(features, 0, 0, 1, table5, bias5, gates, 0)
    _remember(gates, cell[session], hidden[session])
    if thread == 0:
        score = last[HIDDEN]
        for at in range(HIDDEN):
            score += _positive(hidden[session, at]) * last[at]
        out[session] = _sigmoid(score)


@cuda.jit  # type: ignore[untyped-decorator]
def forget(mask: Any, context: Any, hidden: Any, cell: Any) -> None:
    """Set the state of the sessions in `mask` to zero, a block of threads for each."""
    session = cuda.blockIdx.x
    if mask[session]:
        for at in range(cuda.threadIdx.x, HIDDEN, THREADS):
            hidden[session, at] = cell[session, at] = float32(0)
        for at in range(cuda.threadIdx.x, CONTEXT, THREADS):
            context[session, at] = float32(0)
