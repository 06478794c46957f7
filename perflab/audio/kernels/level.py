"""How loud each session is: root mean square and peak of a frame."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import ANY, FLOAT32, INT16, Mask, Pcm, check_active, check_array

FULL_SCALE, SILENCE_DBFS = 32768.0, -120.0
Levels = NDArray[np.float32]


def level(pcm: Pcm, out: Levels, active: Mask | None = None) -> Levels:
    """Write RMS and peak, in units of int16, of `pcm` [sessions, n] into `out` float32 [sessions, 2]; return it.

    The sum of squares is exact in integers, so no order of summing matters; a sample of -32,768 has the size 32,768.
    Sessions that are not active get zeros. Raises UsageError for other shapes or dtypes.
    """
    check_array("pcm", pcm, INT16, ANY)
    check_array("out", out, FLOAT32, (pcm.shape[0], 2))
    _kernel()(pcm, out, check_active(active, pcm.shape[0]))
    return out


def dbfs(size: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return sizes in units of int16 as dB of full scale, a sample of 32,768 being 0 dB; silence is -120 dB."""
    floor = FULL_SCALE * 10 ** (SILENCE_DBFS / 20)
    return np.asarray(20 * np.log10(np.maximum(size, floor) / FULL_SCALE))


@lru_cache(maxsize=1)
def _kernel() -> Any:
    from perflab.audio.kernels.compiled.level import measure

    return measure
