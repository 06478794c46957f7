"""Fresh frames for every call: one frame again and again trains the branch predictor and flatters the peers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from perflab.audio.kernels.pcm import Pcm

FRAMES = 25
FEW = 4  # frames, where 25 of them would leave the nearest caches, as they do not in a pipeline


def speech_like(sessions: int, samples: int, seed: int = 11) -> Pcm:
    """Return noise with the loudness of speech, which comes and goes: int16 [sessions, samples]."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.gamma(0.7, 1.5, (sessions, -(-samples // 80))), 80, axis=1)[:, :samples]
    return np.clip(np.rint(rng.normal(0, 2_500, (sessions, samples)) * envelope), -32768, 32767).astype(np.int16)


def frames(sessions: int, samples: int, count: int = FRAMES) -> list[Pcm]:
    """Return `count` different frames, each int16 [sessions, samples] in an array of its own."""
    return [speech_like(sessions, samples, seed) for seed in range(count)]


def endless(items: list[Pcm]) -> Iterator[Pcm]:
    """Return the items one after another, over and over."""
    return cycle(items)
