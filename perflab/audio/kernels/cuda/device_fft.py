"""The GPU's half of the Fourier transform; to be imported only where numba.cuda can run."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from numba import complex64
from numba import cuda as _cuda

cuda: Any = _cuda  # numba's simulator puts its own in the place of this global


@lru_cache(maxsize=16)
def transform_of(points: int) -> Any:
    """Return the kernel for `points`: shared memory must have a size that the compiler knows."""
    bits, half = int(math.log2(points)), points // 2

    def transform(values: Any, twiddle: Any) -> None:
        held = cuda.shared.array(points, complex64)
        session, thread = cuda.blockIdx.x, cuda.threadIdx.x
        for place in range(thread, points, half):  # a tuple of the two would mix widths, which the compiler refuses
            reversed_place = 0
            for bit in range(bits):
                reversed_place |= ((place >> bit) & 1) << (bits - 1 - bit)
            held[reversed_place] = values[session, place]
        cuda.syncthreads()
        for level in range(bits):
            apart = 1 << level
            inner = thread & (apart - 1)
            at = ((thread >> level) << (level + 1)) + inner
            first, second = held[at], held[at + apart] * twiddle[inner << (bits - 1 - level)]
            held[at], held[at + apart] = first + second, first - second
            cuda.syncthreads()
        for place in range(thread, points, half):
            values[session, place] = held[place]

    return cuda.jit(transform)
