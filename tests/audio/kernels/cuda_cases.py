"""What the kernels for CUDA are held to; run as a program, so that numba's simulator can be chosen before it starts."""

from __future__ import annotations

import json
import os

import numpy as np

from perflab.audio.kernels.cuda.device import SIMULATOR
from perflab.audio.kernels.cuda.fft import CudaFFT
from perflab.audio.kernels.cuda.resampler import CudaResampler
from perflab.audio.kernels.cuda.silero import CudaSilero
from perflab.audio.kernels.oracle.fft import dft
from perflab.audio.kernels.oracle.resampler import resample, to_pcm
from perflab.audio.kernels.oracle.silero import Silero
from perflab.audio.kernels.silero_weights import CHUNK, load_weights
from perflab.errors import UsageError


def fft_error(points: int) -> float:
    """Return the largest error against the definition, relative to the largest value; a row of NaN is in the way."""
    rng = np.random.default_rng(points)
    values = (rng.normal(size=(3, points)) + 1j * rng.normal(size=(3, points))).astype(np.complex64)
    spoilt = values.copy()
    spoilt[1] = np.nan
    made = CudaFFT(points, 3).forward(spoilt, np.zeros_like(values))
    assert np.isnan(made[1]).all()
    wanted = dft(values[[0, 2]])
    return float(np.abs(made[[0, 2]] - wanted).max() / np.abs(wanted).max())


def resampler_error(rate_in: int, rate_out: int) -> int:
    """Return the largest distance from the oracle in units of the last place, over three frames of 10 ms."""
    kernel = CudaResampler(rate_in, rate_out, 2, frame_ms=10, attenuation_db=60)
    pcm = np.random.default_rng(rate_in).integers(-20_000, 20_000, (2, 3 * kernel.frame_in)).astype(np.int16)
    parts = np.split(pcm, 3, axis=1)
    made = [kernel.process(np.ascontiguousarray(x), np.zeros((2, kernel.frame_out), np.int16)) for x in parts]
    wanted = to_pcm(resample(pcm, rate_in, rate_out, 60))
    return int(np.abs(np.concatenate(made, axis=1).astype(int) - wanted).max())


def silero_error(sessions: int, steps: int) -> float:
    """Return the largest error against the graph in float64, of sessions that are heard from, for `steps` chunks.

    Beside them one session is idle and one sends NaN; after a reset the first is as if nobody had been there.
    """
    weights, rng = load_weights(), np.random.default_rng(sessions)
    kernel, plain, worst = (
        CudaSilero(weights, sessions + 2),
        [Silero(weights, "previous") for _ in range(sessions)],
        0.0,
    )
    swell = np.linspace(0.01, 0.3, CHUNK)
    heard = (rng.normal(size=(steps, sessions + 2, CHUNK)) * swell).astype(np.float32)
    heard[:, -1, 7] = np.nan
    active = np.arange(sessions + 2) != sessions
    first = np.zeros(0, np.float32)
    for chunks in heard:
        found = kernel.process(chunks, active=active)
        assert np.isnan(found[-1]) and found[-2] == 0
        wanted = [one(chunk.astype(float)) for one, chunk in zip(plain, chunks, strict=False)]
        worst = max(worst, float(np.abs(found[:sessions] - wanted).max()))
        first = first if first.size else found
    kernel.reset(np.arange(sessions + 2) == 0)
    again = kernel.process(heard[0], active=active & (np.arange(sessions + 2) == 0))
    assert again[0] == first[0] and not again[1:].any()
    return worst


def refused() -> list[str]:
    """Return what is said to inputs that cannot be."""
    said = []
    for call in (
        lambda: CudaFFT(100, 1),
        lambda: CudaFFT(64, 0),
        lambda: CudaResampler(22_050, 16_000, 1),
        lambda: CudaSilero(load_weights(), 0),
        lambda: CudaSilero(load_weights(), 1).process(np.zeros((1, 320), np.float32)),
        lambda: CudaFFT(8, 1).forward(np.zeros((2, 8), np.complex64), np.zeros((1, 8), np.complex64)),
    ):
        try:
            call()
        except UsageError as error:
            said.append(str(error))
    return said


if __name__ == "__main__":
    print(json.dumps({
        "fft": {points: fft_error(points) for points in (4, 8, 64)},
        "resampler": {f"{a} {b}": resampler_error(a, b) for a, b in ((48_000, 16_000), (8_000, 16_000))},
        "silero": silero_error(*((1, 2) if os.environ.get(SIMULATOR) == "1" else (100, 20))),
        "refused": refused(),
    }))  # fmt: skip
