"""Mixing as numpy says it in two lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import Pcm


def mix(pcm: Pcm) -> NDArray[np.int16]:
    """Return the saturated sum over the rows of `pcm` [parties, n]: int16 [n]."""
    return np.asarray(np.clip(pcm.sum(axis=0, dtype=np.int32), -32768, 32767).astype(np.int16))


def mix_minus(pcm: Pcm) -> Pcm:
    """Return for each row of `pcm` [parties, n] the saturated sum of the other rows: int16 [parties, n]."""
    return np.asarray(np.clip(pcm.sum(axis=0, dtype=np.int32) - pcm, -32768, 32767).astype(np.int16))
