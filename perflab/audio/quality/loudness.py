"""Loudness as broadcasters measure it, for the level at which a voice reaches people."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from perflab.audio.quality.signals import Signal, checked
from perflab.errors import StatisticError

BLOCK_S = 0.4  # the gate's block


def loudness(pcm: Signal, rate: int = 16_000) -> float:
    """Return the integrated loudness of int16 `pcm` [n] in LUFS; -inf where nothing passes the gate of -70 LUFS.

    ITU-R BS.1770-4 through pyloudnorm: K-weighted, in gated blocks of 0.4 s. A meter is made once per rate: its
    filters cost more than a second of speech does. Weakness: made for programmes of seconds and more, so one word
    is judged by few blocks. A full-scale sine of 1 kHz in one channel has -3.01 LUFS.
    Raises UsageError for other shapes and NaN, StatisticError for less than one block.
    """
    values = checked("pcm", pcm)
    if values.size < BLOCK_S * rate:
        raise StatisticError(f"{values.size / rate:.2f} s have no loudness", f"at least {BLOCK_S} s")
    with np.errstate(divide="ignore"):
        return float(_meter(rate).integrated_loudness(values / 32768))


@lru_cache(maxsize=8)
def _meter(rate: int) -> Any:
    from pyloudnorm import Meter

    return Meter(rate, block_size=BLOCK_S)
