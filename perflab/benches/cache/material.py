"""The traces of the bars: three of 10 M requests by Zipf's law over 1 M objects, as arrays and as a file."""

from __future__ import annotations

from functools import lru_cache

from perflab.cache.generators import zipf_trace
from perflab.cache.trace import Trace

REQUESTS, OBJECTS, CAPACITY = 10_000_000, 1_000_000, 10_000
SKEWS = (0.8, 1.0, 1.2)
SEED = 7


@lru_cache(maxsize=1)  # the parts go through the skews one by one: 40 MB each
def material(skew: float) -> Trace:
    """Return the trace of a skew; ids are dense, and which of them is popular is drawn."""
    return zipf_trace(REQUESTS, OBJECTS, skew, seed=SEED)
