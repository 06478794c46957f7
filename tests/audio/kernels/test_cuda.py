"""The kernels for CUDA: in numba's simulator on every machine, on the GPU where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perflab.audio.kernels.cuda.device import SIMULATOR, cuda_missing
from perflab.audio.kernels.cuda.fft import CudaFFT
from perflab.audio.kernels.cuda.resampler import CudaResampler
from perflab.audio.kernels.cuda.silero import CudaSilero
from perflab.audio.kernels.silero_weights import load_weights
from perflab.errors import UsageError

CASES = "tests.audio.kernels.cuda_cases"
ROOT = Path(__file__).resolve().parents[3]


def check(simulated: bool) -> None:
    environment = {**os.environ, SIMULATOR: "1" if simulated else "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", CASES], capture_output=True, text=True, timeout=200, cwd=ROOT,
                          env=environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert max(seen["fft"].values()) <= 1e-6 and len(seen["fft"]) == 3
    assert max(seen["resampler"].values()) <= 1 and len(seen["resampler"]) == 2
    assert seen["silero"] <= 5e-5
    refused = ("100 points", "0 sessions", "22050 Hz", "0 sessions", "`chunks`", "`values`")
    for said, word in zip(seen["refused"], refused, strict=True):
        assert word in said


def test_kernels_equal_their_oracles_in_the_simulator() -> None:
    check(simulated=True)


def test_kernels_equal_their_oracles_on_the_gpu() -> None:
    if why := cuda_missing():
        pytest.skip(why)
    check(simulated=False)


def test_without_a_gpu_there_is_one_clear_error() -> None:
    if cuda_missing() is None:
        pytest.skip("a GPU is here")
    for make in (lambda: CudaFFT(64, 1), lambda: CudaResampler(48_000, 16_000, 1),
                 lambda: CudaSilero(load_weights(), 1)):  # fmt: skip
        with pytest.raises(UsageError, match="no NVIDIA GPU"):
            make()
