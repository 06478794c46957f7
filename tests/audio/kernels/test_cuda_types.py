"""The GPU's halves through numba's compiler up to LLVM: what the simulator, which is Python, cannot refuse."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numba
import pytest
from numba import boolean, complex64, float32, int16, int64, types
from numba import cuda as _cuda

from perflab.audio.kernels.cuda.device import cuda_missing

cuda: Any = _cuda
CAPABILITY = (9, 0)
PCM, ROWS, ROW = types.Array(int16, 2, "C"), types.Array(float32, 2, "C"), types.Array(float32, 1, "C")
MASK, SPECTRA, TURNS = types.Array(boolean, 1, "C"), types.Array(complex64, 2, "C"), types.Array(complex64, 1, "C")
KERNELS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "enter": ("device_resampler", (PCM, PCM, PCM)),
    "filtered": ("device_resampler", (PCM, ROWS, int64, int64, PCM, PCM)),
    "transform_of": ("device_fft", (SPECTRA, TURNS)),
    "detect": ("device_silero", (ROWS, MASK, *[ROWS] * 6, *[ROW] * 7, ROWS, ROWS, ROWS, ROW)),
    "forget": ("device_silero", (MASK, ROWS, ROWS, ROWS)),
}


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """numba's compiler for CUDA with a capability that it would ask of a device."""
    if numba.config.ENABLE_CUDASIM:  # type: ignore[attr-defined]
        pytest.skip("the simulator compiles nothing")
    dispatcher = importlib.import_module("numba.cuda.dispatcher")
    if cuda_missing():
        monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=CAPABILITY))
    yield importlib.import_module("numba.cuda.compiler")


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_has_types_and_becomes_llvm(compiler: Any, name: str) -> None:
    module, signature = KERNELS[name]
    found = getattr(importlib.import_module(f"perflab.audio.kernels.cuda.{module}"), name)
    kernel = found(64) if name.endswith("_of") else found
    made = compiler.compile_cuda(kernel.py_func, types.void, signature, nvvm_options={}, cc=CAPABILITY)
    assert made.fndesc.argtypes == signature and made.signature.return_type == types.void


def test_what_the_compiler_refuses_is_refused_here(compiler: Any) -> None:
    from numba.core.errors import TypingError

    def mixed(values: Any) -> None:
        thread = cuda.threadIdx.x
        for place in (thread, thread + 64):  # int32 and int64
            values[place] = 0

    with pytest.raises(TypingError, match="getiter"):
        compiler.compile_cuda(mixed, types.void, (ROW,), nvvm_options={}, cc=CAPABILITY)
