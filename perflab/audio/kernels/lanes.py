"""How many sessions one vector register holds on this processor, decided once at import."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CACHE_LINE = 64


def _features() -> dict[str, bool]:
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())


def lanes_of(features: dict[str, bool]) -> int:
    """Return lanes of float32: 16 with AVX-512, 8 with AVX, else 4 (SSE, NEON).

    Why chosen, not fixed: 16 lanes on a processor with 8 are two registers each, and the tile of the filter spills.
    """
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx") else 4


def cpu_features() -> list[str]:
    """Return those features of this processor that decide how fast the kernels are."""
    found = _features()
    return [name for name in ("sse4.2", "neon", "avx", "fma", "avx2", "avx512f", "avx512bw") if found.get(name)]


LANES = lanes_of(_features())
# Rows of inputs by registers of outputs that a matrix product sums at once: twelve sums and what they are made of fit
# sixteen registers and hide the latency of two multiply-add units (four cycles each); thirty-two hold twenty-four.
TILE = (6, 4) if LANES == 16 else (6, 2)
GROUP = 2 * LANES  # sessions that are filtered together: each coefficient that is loaded serves two registers


def aligned_zeros(count: int) -> NDArray[np.float32]:
    """Return `count` float32 zeros that begin at a cache line: no vector load of whole rows then crosses one."""
    raw = np.zeros(count * 4 + CACHE_LINE, dtype=np.uint8)
    skip = -raw.ctypes.data % CACHE_LINE
    return raw[skip : skip + count * 4].view(np.float32)
