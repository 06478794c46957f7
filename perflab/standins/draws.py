"""Random draws that depend on names, not on order: the same turn draws the same number in every run.

Two variants that are compared meet the same upstream when its draws are keyed by (seed, stream, session, turn)
(common random numbers). A hash is used rather than a generator per key, because it costs 1 us and keeps no state.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

_NORMAL = NormalDist()
_SCALE = 2.0**-53


def uniform(seed: int, stream: str, *key: int | str) -> float:
    """Return the draw in (0, 1) of this key: BLAKE2b of seed, stream and key, its top 53 bits.

    Pure. Distinct keys give draws that behave as independent; equal keys give equal draws on every machine.
    """
    name = "\x1f".join((str(seed), stream, *map(str, key)))
    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    return ((word >> 11) + 0.5) * _SCALE


def lognormal_quantile(u: float, median: float, sigma: float) -> float:
    """Return the `u` quantile (0 < u < 1) of the lognormal with this median and log standard deviation."""
    return median * math.exp(sigma * _NORMAL.inv_cdf(u))
