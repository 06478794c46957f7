"""The kernels for CUDA beside the CPU (our halves, scipy for the transform), by size; nothing is asked of a GPU.

Wall time, because a GPU's work is on nobody's CPU account; what goes to the device and back each tick is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.audio.kernels.cuda.device import cuda_missing
from perflab.audio.kernels.fft import BatchFFT
from perflab.audio.kernels.resampler import Resampler
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import CHUNK, load_weights
from perflab.benches.audio.contest import Work
from perflab.benches.audio.fourier import in_place
from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.instrument.paired_timing import TimingPlan, time_paired
from perflab.stats.latency import order_statistic_intervals

ORDER = 90
BATCHES, POINTS = (64, 1_024, 8_192), 512
BLOCKS = 11
RATIO, SAME = "CPU's time over the GPU's", "same result"


@dataclass(frozen=True)
class Duel:
    """`cpu` and `gpu` do the same work of one tick of `sessions`; `apart`: largest difference of their results."""

    kernel: str
    sessions: int
    cpu: Work
    gpu: Work
    apart: float
    allowed: float


def bars(say: Say) -> list[Bar]:
    """Say what a GPU gains at each size, or why none is used; there is no bar, for nothing is asked of it."""
    if why := cuda_missing():
        say(f"  skipped: {why}")
        return []
    for row in rows():
        say("  " + ", ".join(f"{name} {value}" for name, value in row.items()))
    return []


def rows() -> list[dict[str, Any]]:
    """Race every kernel at every size; raises UsageError where kernels for CUDA cannot run."""
    return [_row(make(sessions)) for make in DUELS for sessions in BATCHES]


def _row(duel: Duel) -> dict[str, Any]:
    times = time_paired({"cpu": duel.cpu, "gpu": duel.gpu}, TimingPlan(blocks=BLOCKS, inner=2, warmups=2, seed=7))
    cpu, gpu = (times.column(name, "wall") for name in ("cpu", "gpu"))
    ratio = order_statistic_intervals(cpu / gpu, (0.5,))[0]
    low, high = (f"{bound:.2f}" if bound is not None else "?" for bound in (ratio.low, ratio.high))
    return {"kernel": duel.kernel, "sessions": duel.sessions, "CPU, one thread (ms)": round(1e3 * np.median(cpu), 3),
            "GPU with the way there and back (ms)": round(1e3 * np.median(gpu), 3),
            RATIO: f"{ratio.value:.2f} [{low}, {high}]",
            SAME: "yes" if duel.apart <= duel.allowed else f"NO: {duel.apart:.2g} apart"}  # fmt: skip


def _resampler(sessions: int) -> Duel:
    from perflab.audio.kernels.cuda.resampler import CudaResampler

    mine, other = Resampler(48_000, 16_000, sessions), CudaResampler(48_000, 16_000, sessions)
    pcm = np.random.default_rng(1).integers(-9_000, 9_000, (sessions, mine.frame_in)).astype(np.int16)
    out, there = np.zeros((2, sessions, mine.frame_out), np.int16)
    apart = float(np.abs(mine.process(pcm, out).astype(int) - other.process(pcm, there)).max())
    return Duel("resampler, 48 to 16 kHz", sessions, lambda: mine.process(pcm, out), lambda: other.process(pcm, there),
                apart, 1.0)  # fmt: skip


def _fft(sessions: int) -> Duel:
    """Race scipy's transform: for data in rows, as the GPU has them, it is the CPU's fastest; ours wants lanes.

    In place, as the GPU's result goes into memory that is there: with a fresh array for each result scipy took
    a third longer at 8,192 sessions (26.8 ms against 19.7). Weakness: it keeps no input, which the GPU's way does.
    """
    from perflab.audio.kernels.cuda.fft import CudaFFT

    mine, other = BatchFFT(POINTS, sessions), CudaFFT(POINTS, sessions)
    parts = np.random.default_rng(2).normal(size=(2, sessions, POINTS))
    values = np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)
    into, there = mine.planes(), np.zeros_like(values)
    mine.enter(values, into)
    wanted = mine.leave(mine.forward(into, mine.planes()))
    apart = float(np.abs(other.forward(values, there) - wanted).max() / np.abs(wanted).max())
    return Duel(f"transform of {POINTS} points (CPU: scipy.fft in place)", sessions, in_place(values),
                lambda: other.forward(values, there), apart, 1e-6)  # fmt: skip


def _silero(sessions: int) -> Duel:
    from perflab.audio.kernels.cuda.silero import CudaSilero

    mine, other = (make(load_weights(), sessions) for make in (SileroBatch, CudaSilero))
    chunks = (np.random.default_rng(3).normal(size=(sessions, CHUNK)) * np.linspace(0, 0.3, CHUNK)).astype(np.float32)
    out, there = np.zeros((2, sessions), np.float32)
    apart = float(np.abs(mine.process(chunks, out) - other.process(chunks, there)).max())
    return Duel("voice activity, 32 ms", sessions, lambda: mine.process(chunks, out),
                lambda: other.process(chunks, there), apart, 1e-4)  # fmt: skip


DUELS: tuple[Callable[[int], Duel], ...] = (_resampler, _fft, _silero)


def sentence(found: list[dict[str, Any]], why: str | None) -> str:
    """Say from which size on a GPU gains, or why none was asked."""
    if why:
        return f"The kernels for CUDA (resampler, transform, voice activity) were not run: {why}."
    kernels = dict.fromkeys(row["kernel"] for row in found)
    told = [f"{kernel} {_where([row for row in found if row['kernel'] == kernel])}" for kernel in kernels]
    wrong = [f"{row['kernel']} at {row['sessions']:,} sessions ({row[SAME].removeprefix('NO: ')})"
             for row in found if row[SAME] != "yes"]  # fmt: skip
    other = f" Not the CPU's result, so no gain: {'; '.join(wrong)}." if wrong else ""
    return f"The GPU is faster than one thread of this CPU, transfers counted: {'; '.join(told)}.{other}"


def _where(rows: list[dict[str, Any]]) -> str:
    """Say from which size on all sizes gain, by the lower ends of their intervals; `rows` of one kernel."""
    gains = {row["sessions"]: _gains(row) for row in rows}
    sizes = sorted(gains)
    on = [size for at, size in enumerate(sizes) if all(gains[larger] for larger in sizes[at:])]
    if on:
        return f"from {on[0]:,} sessions on"
    some = [f"{size:,}" for size in sizes if gains[size]]
    return f"at {' and '.join(some)} sessions, but not at {sizes[-1]:,}" if some else "at none of the sizes"


def _gains(row: dict[str, Any]) -> bool:
    """Whether the result is the CPU's and the whole interval of the ratio is above 1; an end that is open is not."""
    low = row[RATIO].split("[")[1].split(",")[0]
    return bool(row[SAME] == "yes" and low != "?" and float(low) > 1)
