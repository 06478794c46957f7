"""A conference: the sum of all, and for each party the sum of all others."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import ANY, INT16, Mask, Pcm, check_active, check_array
from perflab.errors import UsageError

MOST_PARTIES = 65_536  # 65,536 samples of 16 bits cannot overflow a sum of 32 bits


def mix(pcm: Pcm, out: NDArray[np.int16], active: Mask | None = None) -> NDArray[np.int16]:
    """Write the saturated sum of `pcm` int16 [parties, n] into `out` int16 [n] and return it.

    Parties that are not active are not heard. Saturated, not scaled: nobody's level depends on who else is there.
    Raises UsageError for other shapes or dtypes and for more than 65,536 parties.
    """
    _check(pcm)
    check_array("out", out, INT16, (pcm.shape[1],))
    _mix()(pcm, out, None if active is None else check_active(active, pcm.shape[0]))
    return out


def mix_minus(pcm: Pcm, out: Pcm, active: Mask | None = None) -> Pcm:
    """Write into row i of `out` [parties, n] the saturated sum of all rows of `pcm` but row i, and return it.

    One sum for all, from which each takes its own away: n additions per party instead of n times the parties. Parties
    that are not active are not heard and get silence. Errors as `mix`.
    """
    _check_pair(pcm, out)
    _mix_minus()(pcm, out, None if active is None else check_active(active, pcm.shape[0]))
    return out


def _check_pair(pcm: Pcm, out: Pcm) -> None:
    """Raise UsageError unless both are int16 of one shape [parties, n]; a hot path, as `check_array` is.

    What two arrays must have in common is asked of both at once: beside a few parties a check costs as much as the sum.
    """
    if (type(pcm) is ndarray is type(out) and pcm.dtype is INT16 is out.dtype
            and pcm.flags.c_contiguous and out.flags.c_contiguous):  # fmt: skip
        shape = pcm.shape
        if shape == out.shape and len(shape) == 2 and 0 not in shape and shape[0] <= MOST_PARTIES:
            return
    _check(pcm)
    check_array("out", out, INT16, pcm.shape)


def _check(pcm: Pcm) -> None:
    check_array("pcm", pcm, INT16, ANY)
    if pcm.shape[0] > MOST_PARTIES:
        raise UsageError(f"{pcm.shape[0]:,} parties", f"at most {MOST_PARTIES:,}")


@lru_cache(maxsize=1)
def _mix() -> Any:
    from perflab.audio.kernels.compiled.mixer import mix as compiled

    return compiled


@lru_cache(maxsize=1)
def _mix_minus() -> Any:
    from perflab.audio.kernels.compiled.mixer import mix_minus as compiled

    return compiled
