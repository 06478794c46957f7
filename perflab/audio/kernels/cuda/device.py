"""Whether this machine can run the kernels for CUDA, and if not, why."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from perflab.errors import UsageError

SIMULATOR = "NUMBA_ENABLE_CUDASIM"  # set to 1 before Python starts: threads of Python play the GPU, very slowly


def cuda_missing() -> str | None:
    """Return why kernels for CUDA cannot run here, or None when they can, on a GPU or in numba's simulator."""
    import numba

    config: Any = numba.config
    cuda: Any = import_module("numba.cuda")
    if config.ENABLE_CUDASIM:
        return None
    if not cuda.is_available():
        return "no NVIDIA GPU with its driver and CUDA's libraries was found"
    return None


def require_cuda() -> None:
    """Raise UsageError with the reason where kernels for CUDA cannot run."""
    if why := cuda_missing():
        raise UsageError(f"CUDA: {why}", "a machine with an NVIDIA GPU", f"{SIMULATOR}=1 simulates one, for tests only")
