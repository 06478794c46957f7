"""Telephone keys: Goertzel's filter, compiled, beside one matrix product; a better algorithm against a better compiler.

The only contest that calls BLAS: its product is small enough that OpenBLAS keeps it on one thread (below 2^18
multiply-adds).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perflab.audio.kernels.dtmf import HIGH_HZ, LOW_HZ, DtmfDetector
from perflab.audio.kernels.oracle.dtmf import amplitude
from perflab.benches.audio.contest import Contest, hold
from perflab.benches.audio.material import speech_like
from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.jit import njit

ORDER = 95
RATE, SAMPLES, SESSIONS = 8_000, 160, 64


def bars(say: Say) -> list[Bar]:
    """Measure both on 64 sessions of 20 ms, and the largest error against Goertzel's definition in float64."""
    return [hold(contest()).bar(), exactness()]


def contest() -> Contest:
    """Return the detector against the filter that walks over the samples once per tone."""
    detector, pcm = DtmfDetector(RATE, SAMPLES), speech_like(SESSIONS, SAMPLES)
    factors, out = _factors(), np.zeros((SESSIONS, len(LOW_HZ + HIGH_HZ)), np.float32)
    return Contest("dtmf", f"8 telephone tones, {SESSIONS} sessions of {SAMPLES} samples: compiled Goertzel over the "
                   "matrix product", lambda: detector.amplitudes(pcm), lambda: goertzel(pcm, factors, out), SESSIONS,
                   1.0)  # fmt: skip


def exactness() -> Bar:
    """Return the largest error of an amplitude, relative to the largest amplitude."""
    pcm = speech_like(4, SAMPLES)
    wanted = np.array([[amplitude(row.tolist(), tone, RATE) for tone in LOW_HZ + HIGH_HZ] for row in pcm])
    apart = np.abs(DtmfDetector(RATE, SAMPLES).amplitudes(pcm) - wanted).max() / wanted.max()
    return Bar("dtmf-exact", "largest error of a tone's amplitude, relative to the largest", float(apart), "<=", 1e-5,
               "", wanted.size)  # fmt: skip


def _factors() -> np.ndarray:
    return np.array([2 * math.cos(2 * math.pi * tone / RATE) for tone in LOW_HZ + HIGH_HZ], np.float32)


@njit(cache=True, nogil=True)
def goertzel(pcm: Any, factors: Any, out: Any) -> None:
    """Write the amplitude of each tone in each session, float32: every step waits for the one before."""
    scale = np.float32(2 / pcm.shape[1])
    for session in range(pcm.shape[0]):
        for tone in range(factors.size):
            factor, last, before = factors[tone], np.float32(0), np.float32(0)
            for sample in pcm[session]:
                last, before = np.float32(sample) + factor * last - before, last
            power = last * last + before * before - factor * last * before
            out[session, tone] = scale * np.sqrt(max(power, np.float32(0)))
