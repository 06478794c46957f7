"""Compile, or load from the cache, every kernel before the first caller waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from perflab.audio.kernels import g711
from perflab.audio.kernels.chunks import ChunkFifo
from perflab.audio.kernels.concealer import Concealer
from perflab.audio.kernels.denoiser import Denoiser
from perflab.audio.kernels.dtmf import DtmfDetector
from perflab.audio.kernels.echo_canceller import EchoCanceller
from perflab.audio.kernels.end_of_turn import EndOfTurn
from perflab.audio.kernels.energy_detector import EnergyDetector
from perflab.audio.kernels.fft import BatchFFT
from perflab.audio.kernels.gilbert import lost_packets
from perflab.audio.kernels.jitter import simulate
from perflab.audio.kernels.level import level
from perflab.audio.kernels.mixer import mix, mix_minus
from perflab.audio.kernels.resampler import Resampler
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import load_weights

Say = Callable[[str], None]


def warm_up(say: Say) -> float:
    """Call every kernel once on silence and return the seconds that it took; `say` gets one line per kernel.

    The first call of any compiled function costs most of a second, cached or not, and compiling takes seconds more:
    a server does this before it accepts traffic, or its first callers wait. Not the loops of Opus, for kernels know no
    codec: who codes with `OpusBatch` calls both of its ways once as well, before callers come or time is taken.
    """
    began = time.perf_counter()
    for number, (name, call) in enumerate(STEPS.items(), 1):
        start = time.perf_counter()
        call()
        say(f"kernels {number}/{len(STEPS)}: {name} ready after {time.perf_counter() - start:.2f} s")
    return time.perf_counter() - began


def _resampler() -> None:
    kernel = Resampler(48_000, 16_000, 1)
    kernel.process(np.zeros((1, kernel.frame_in), np.int16), np.zeros((1, kernel.frame_out), np.int16))


def _g711() -> None:
    pcm, codes = np.zeros((1, 160), np.int16), np.zeros((1, 160), np.uint8)
    for law in g711.LAWS:
        g711.decode(g711.encode(pcm, codes, law), pcm, law)  # type: ignore[arg-type]


def _level() -> None:
    level(np.zeros((1, 160), np.int16), np.zeros((1, 2), np.float32))


def _mixer() -> None:
    pcm = np.zeros((2, 160), np.int16)
    for active in (None, np.ones(2, np.bool_)):  # two compiled codes: all parties, and those of a mask
        mix(pcm, np.zeros(160, np.int16), active)
        mix_minus(pcm, np.zeros_like(pcm), active)


def _fft() -> None:
    kernel = BatchFFT(256, 1)
    kernel.forward(kernel.planes(), kernel.planes())


def _denoiser() -> None:
    kernel = Denoiser(1)
    pcm = np.zeros((1, kernel.frame), np.int16)
    kernel.process(pcm, np.zeros_like(pcm))


def _echo_canceller() -> None:
    kernel = EchoCanceller(1)
    pcm = np.zeros((1, kernel.frame), np.int16)
    kernel.process(pcm, pcm, np.zeros_like(pcm))


def _network() -> None:
    lost_packets(1, 10, 0.1, 2.0, seed=0)
    simulate(np.zeros((1, 10)))
    pcm = np.zeros((1, 160), np.int16)
    Concealer(8_000, 160, 1).process(pcm, np.ones(1, np.bool_), pcm)


def _voice_activity() -> None:
    fifo, voiced = ChunkFifo(1), np.zeros(1, np.bool_)
    EnergyDetector(1).process(np.zeros((1, 320), np.int16), voiced)
    fifo.push(np.zeros((1, 320), np.int16))
    found = SileroBatch(load_weights(), 1).process(fifo.chunks)
    EndOfTurn(1).feed(found, np.zeros(1, np.int8))


STEPS: dict[str, Callable[[], object]] = {
    "resampler": _resampler,
    "G.711": _g711,
    "level": _level,
    "mixer": _mixer,
    "FFT": _fft,
    "denoiser": _denoiser,
    "echo canceller": _echo_canceller,
    "DTMF": lambda: DtmfDetector(8_000, 160).keys(np.zeros((1, 160), np.int16)),
    "loss, jitter and concealment": _network,
    "voice activity": _voice_activity,
}
