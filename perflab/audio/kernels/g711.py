"""G.711 for many sessions at once: mu-law and A-law, bit for bit as the definition says."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import ANY, INT16, UINT8, Mask, Pcm, check_active, check_array
from perflab.errors import UsageError

Law = Literal["mu", "a"]
LAWS = ("mu", "a")
Bytes = NDArray[np.uint8]
SILENCE: dict[Law, int] = {"mu": 0xFF, "a": 0xD5}  # of a sample of zero: a byte of zero would be a loud one


def encode(pcm: Pcm, out: Bytes, law: Law = "mu", active: Mask | None = None) -> Bytes:
    """Code `pcm` int16 [sessions, n] as `out` uint8 [sessions, n] and return it.

    Negative samples are rounded as in the public-domain reference of Sun Microsystems, which Python's audioop holds
    too (ITU's G.191 differs by one code at some borders). Sessions that are not active get the code of silence; they
    are coded all the same, for rows that lie side by side are one run of registers: a mask saves no time. Raises
    UsageError for an unknown law, other shapes or dtypes. Source: ITU-T G.711, tables 1a to 2b.
    """
    kernel = _kernel("encode", law)
    check_array("pcm", pcm, INT16, ANY)
    check_array("out", out, UINT8, pcm.shape)
    idle = None if active is None else ~check_active(active, pcm.shape[0])
    kernel(pcm, out)
    if idle is not None:
        out[idle] = SILENCE[law]
    return out


def decode(codes: Bytes, out: Pcm, law: Law = "mu", active: Mask | None = None) -> Pcm:
    """Decode `codes` uint8 [sessions, n] to `out` int16 [sessions, n] and return it.

    Sessions that are not active get zeros. Errors as `encode`.
    """
    kernel = _kernel("decode", law)
    check_array("codes", codes, UINT8, ANY)
    check_array("out", out, INT16, codes.shape)
    idle = None if active is None else ~check_active(active, codes.shape[0])
    kernel(codes, out)
    if idle is not None:
        out[idle] = 0
    return out


@lru_cache(maxsize=8)
def _kernel(direction: str, law: str) -> Any:
    if law not in LAWS:
        raise UsageError(f"No law {law!r}", f"laws are {', '.join(LAWS)}")
    from perflab.audio.kernels.compiled import g711

    return getattr(g711, f"{direction}_{law}")
