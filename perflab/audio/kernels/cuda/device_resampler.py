"""The GPU's half of the resampler; to be imported only where numba.cuda can run.

Without Python's min and max: the target for CUDA that numba itself carries (0.68) cannot compile them.
"""

from __future__ import annotations

from typing import Any

from numba import cuda as _cuda
from numba import float32, int16

cuda: Any = _cuda  # numba's simulator puts its own in the place of this global


@cuda.jit  # type: ignore[untyped-decorator]
def enter(frame: Any, history: Any, work: Any) -> None:
    """Put the history and the new frame of each session one after the other."""
    session, at = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    kept = work.shape[1] - frame.shape[1]
    if at < work.shape[1]:
        work[session, at] = history[session, at] if at < kept else frame[session, at - kept]


@cuda.jit  # type: ignore[untyped-decorator]
def filtered(work: Any, phases: Any, up: int, down: int, history: Any, made: Any) -> None:
    """Make one output sample per thread, rounded and saturated, and keep the end of `work` as the next history."""
    session, at = cuda.blockIdx.x, cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x
    kept = phases.shape[1] - 1
    if at < made.shape[1]:
        newest, phase, total = kept + at * down // up, at * down % up, float32(0)
        for k in range(phases.shape[1]):
            total += phases[phase, k] * float32(work[session, newest - k])
        total = float32(-32768) if total < float32(-32768) else total
        total = float32(32767) if total > float32(32767) else total
        made[session, at] = int16(round(total))
    if at < kept:
        history[session, at] = work[session, work.shape[1] - kept + at]
