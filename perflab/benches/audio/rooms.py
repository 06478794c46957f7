"""Conversations over a loudspeaker: recorded speech, a synthetic room, an echo whose size is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.pcm import Pcm

RATE, TAIL = 16_000, 2_048  # samples of echo: 128 ms
FADE_S, LOSS_DB, NOISE_DB, SPEECH_RMS = 0.25, 6.0, -60.0, 2_000.0
Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Conversation:
    """`mic` and `far`: int16 [sessions, n]; `echo` and `near`: float64 [sessions, n], what the microphone holds."""

    mic: Pcm
    far: Pcm
    echo: Signal
    near: Signal
    real: bool


def converse(sessions: int, seconds: float, *, near_from: float | None = None, moved_at: float | None = None,
             seed: int = 1) -> Conversation:  # fmt: skip
    """Return `sessions` conversations of `seconds`; what they are is set by the seed.

    The far end talks all the time, its echo 6 dB below it, with noise 60 dB below that. From `near_from` seconds on
    the near end talks as loud as the echo; at `moved_at` seconds the room becomes another one at once. The room is
    noise that fades by 60 dB in 0.25 s after 2.5 to 7.5 ms, cut at 128 ms. Weakness: linear, no loudspeaker.
    """
    corpus = load_corpus()
    voices = [utterance.pcm.astype(np.float64) for utterance in corpus.utterances]
    rng, count = np.random.default_rng(seed), round(seconds * RATE)
    far, echo, near = np.zeros((3, sessions, count))
    for session in range(sessions):
        far[session] = np.rint(np.clip(_speech(rng, voices, count), -32768, 32767))
        echo[session] = _echo(rng, far[session])
        if moved_at is not None:
            start = round(moved_at * RATE)
            echo[session, start:] = _echo(rng, far[session])[start:]
        if near_from is not None:
            start = round(near_from * RATE)
            talk = _speech(rng, voices, count - start)
            near[session, start:] = talk * _rms(echo[session, start:]) / _rms(talk)
    noise = rng.normal(size=far.shape) * _rms(echo) * 10 ** (NOISE_DB / 20)
    mic = np.clip(np.rint(echo + near + noise), -32768, 32767).astype(np.int16)
    return Conversation(mic, far.astype(np.int16), echo, near, corpus.real)


def _speech(rng: np.random.Generator, voices: list[Signal], count: int) -> Signal:
    """Return utterances in random order, each as loud as the others."""
    parts, length = [], 0
    while length < count:
        voice = voices[int(rng.integers(len(voices)))]
        parts.append(voice * SPEECH_RMS / _rms(voice))
        length += voice.size
    return np.concatenate(parts)[:count]


def _echo(rng: np.random.Generator, far: Signal) -> Signal:
    from scipy.signal import fftconvolve

    response = rng.normal(size=TAIL) * 10 ** (-3 * np.arange(TAIL) / (FADE_S * RATE))
    first = int(rng.integers(40, 120))
    response[:first] = 0.0
    response[first] = 3.0
    response *= 10 ** (-LOSS_DB / 20) / np.sqrt(np.square(response).sum())
    return np.asarray(fftconvolve(far, response)[: far.size])


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(signal))))
