"""The machine's ceiling for filters: multiply-adds per second of one core, and its clock meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perflab.audio.kernels.lanes import LANES, aligned_zeros

ROUNDS, REPEATS = 400_000, 9


@dataclass(frozen=True)
class Ceiling:
    """`macs_per_s`: multiply-adds of float32 in one second of CPU time; `clock_hz`: cycles in the same; `lanes`."""

    macs_per_s: float
    clock_hz: float
    lanes: int

    @property
    def fma_per_cycle(self) -> float:
        """Multiply-add instructions per clock cycle: one or two by the units of an x86 core, and never more."""
        return self.macs_per_s / self.lanes / self.clock_hz


def measure_ceiling() -> Ceiling:
    """Measure both, interleaved, and take the fastest of nine: a ceiling is what is possible, not what is usual.

    Weakness: the clock chain assumes a latency of one cycle for shifts, which is true of x86 and most ARM cores.
    """
    from perflab.audio.kernels.compiled.ceiling import CHAINS, CYCLES, clock_chain, fma_chains

    values, out = aligned_zeros(LANES), aligned_zeros(LANES)
    values[:] = 0.5  # sums stay near one: no overflow, and none of the slow tiny numbers
    fma_chains(values, out, 1)
    clock_chain(1)
    pairs = [(_seconds(lambda: fma_chains(values, out, ROUNDS)), _seconds(lambda: clock_chain(ROUNDS)))
             for _ in range(REPEATS)]  # fmt: skip
    fma_s, clock_s = np.array(pairs).min(axis=0)
    return Ceiling(float(CHAINS * LANES * ROUNDS / fma_s), float(CYCLES * ROUNDS / clock_s), LANES)


def _seconds(call: Callable[[], object]) -> float:
    began = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - began) / 1e9
