"""A labelled stand-in for speech when the recordings cannot be had: pitch, formants and syllables, from a seed.

It exercises the same path (voiced windows, pauses, every byte different), but it is no speech: no figure about
recognition or codecs may rest on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.audio.utterance import SAMPLE_RATE, Corpus, Utterance

if TYPE_CHECKING:
    import numpy as np

SEED, COUNT, SECONDS = 20_260_101, 12, 4.0
FORMANTS_HZ = ((730, 1090), (270, 2290), (530, 1840), (570, 840), (300, 870))  # vowels a, i, e, o, u


def synthetic_corpus() -> Corpus:
    """Return 12 utterances of 4 s with pauses, the same on every call."""
    utterances = tuple(_utterance(number) for number in range(COUNT))
    return Corpus(utterances, real=False, source="synthetic: no recorded speech was available")


def _utterance(number: int) -> Utterance:
    import numpy as np

    rng = np.random.default_rng((SEED, number))
    pieces: list[np.ndarray] = []
    length = 0
    while length < SECONDS * SAMPLE_RATE:
        piece = _syllable(rng)
        pause = np.zeros(int(rng.uniform(0.3, 0.5) * SAMPLE_RATE) if rng.random() < 0.12 else 320)
        pieces += [piece, pause]
        length += len(piece) + len(pause)
    signal = np.concatenate(pieces)
    return Utterance(f"synthetic-{number:02d}", "", np.round(signal).astype(np.int16))


def _syllable(rng: np.random.Generator) -> np.ndarray:
    import numpy as np

    count = int(rng.uniform(0.16, 0.30) * SAMPLE_RATE)
    at = np.arange(count) / SAMPLE_RATE
    pitch = rng.uniform(95, 220) * (1 + 0.05 * np.sin(2 * np.pi * 3 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    formants = FORMANTS_HZ[int(rng.integers(len(FORMANTS_HZ)))]
    voice = np.zeros(count)
    for harmonic in range(1, 20):
        strength = sum(1 / (1 + ((harmonic * pitch.mean() - f) / 120) ** 2) for f in formants) + 0.05
        voice += strength * np.sin(harmonic * phase)
    envelope = np.sin(np.pi * np.linspace(0.08, 0.92, count))
    breath = rng.normal(0, 0.02, count)
    signal: np.ndarray = 6000 * envelope * (voice / np.abs(voice).max() + breath)
    return signal
