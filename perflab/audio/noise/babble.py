"""Babble: many people talking at once, the noise that suppression cannot tell from speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perflab.audio.noise.kinds import Noise
from perflab.errors import StatisticError, UsageError

VOICES = 8


def babble(voices: Sequence[NDArray[np.int16]], samples: int, seed: int, talkers: int = VOICES) -> Noise:
    """Return float64 [samples] with an RMS of 1: `talkers` stretches of all `voices`, each from a random place on.

    `voices`: int16 recordings at one rate, joined end to end and begun again; give those that are not the speech under
    test. Each talker is brought to equal power. Weakness: few speakers in the corpus mean few voices in the babble.
    Raises UsageError without voices, samples or talkers, StatisticError for silent voices.
    """
    if not voices or samples < 1 or talkers < 1:
        raise UsageError(f"{len(voices)} voices, {samples} samples, {talkers} talkers", "at least one of each")
    line = np.concatenate(list(voices)).astype(np.float64)
    drawn, out = np.random.default_rng(seed), np.zeros(samples)
    for start in drawn.integers(line.size, size=talkers):
        talk = np.take(line, np.arange(start, start + samples), mode="wrap")
        out += talk / max(float(np.sqrt(np.mean(talk**2))), 1.0)
    power = float(np.sqrt(np.mean(out**2)))
    if power == 0:
        raise StatisticError("The voices are silent", "recordings of speech")
    return out / power
