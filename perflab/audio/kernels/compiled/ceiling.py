"""How many multiply-adds this core can do at best, and its clock: the rod that kernels are measured with."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.simd import add, fma, load, store, zero
from perflab.jit import njit

CHAINS = 12  # independent: at least latency (4) times units (2), and still inside 16 registers
CYCLES = 6  # of one step of `clock_chain`: three times a shift and an exclusive or, each waiting for the last


@njit(cache=True, nogil=True)
def fma_chains(values: Any, out: Any, rounds: int) -> None:
    """Do `rounds` times CHAINS multiply-adds of whole registers, none waiting for another chain."""
    x, y = load(values, 0), load(values, 0)
    a, b, c, d, e, f = zero(), zero(), zero(), zero(), zero(), zero()
    g, h, i, j, k, m = zero(), zero(), zero(), zero(), zero(), zero()
    for _ in range(rounds):
        a, b, c, d, e, f = fma(x, a, y), fma(x, b, y), fma(x, c, y), fma(x, d, y), fma(x, e, y), fma(x, f, y)
        g, h, i, j, k, m = fma(x, g, y), fma(x, h, y), fma(x, i, y), fma(x, j, y), fma(x, k, y), fma(x, m, y)
    first = add(add(add(a, b), add(c, d)), add(e, f))
    store(out, 0, add(first, add(add(add(g, h), add(i, j)), add(k, m))))


@njit(cache=True, nogil=True)
def clock_chain(rounds: int) -> Any:
    """Do `rounds` steps of CYCLES clock cycles: shifts and exclusive ors have a latency of one on every x86 core."""
    x = np.uint64(88172645463325252)
    for _ in range(rounds):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x
